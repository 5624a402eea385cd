package s3

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/minio/crc64nvme"
	"github.com/minio/minio-go/v7"

	"github.com/cultivar/cultivar/store"
)

var _ store.Comparer = (*Bucket)(nil)

// Holds compares the CRC64NVME that the store keeps of the whole object with that of r. Stores that
// keep none cannot tell.
func (b *Bucket) Holds(ctx context.Context, key string, r io.Reader) (same, known bool, err error) {
	if err := check(ctx, key); err != nil {
		return false, false, fmt.Errorf("compare %s: %w", key, err)
	}
	info, err := b.retry.StatObject(ctx, b.at.Bucket, b.at.Prefix+key, minio.StatObjectOptions{Checksum: true})
	if err != nil {
		return false, false, fmt.Errorf("compare %s: %w", key, classify(err))
	}
	if info.ChecksumCRC64NVME == "" {
		return false, false, nil
	}
	sum := crc64nvme.New()
	if _, err := io.Copy(sum, r); err != nil {
		return false, false, fmt.Errorf("compare %s: %w", key, err)
	}
	return info.ChecksumCRC64NVME == base64.StdEncoding.EncodeToString(sum.Sum(nil)), true, nil
}
