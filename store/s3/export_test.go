package s3

import "context"

// Uploads counts the uploads that were neither completed nor aborted.
func Uploads(ctx context.Context, b *Bucket) (int, error) {
	n := 0
	for upload := range b.retry.ListIncompleteUploads(ctx, b.at.Bucket, "", true) {
		if upload.Err != nil {
			return n, upload.Err
		}
		n++
	}
	return n, nil
}
