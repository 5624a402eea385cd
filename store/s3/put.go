package s3

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/minio/crc64nvme"
	"github.com/minio/minio-go/v7"

	"github.com/cultivar/cultivar/store"
)

const (
	// partSize is what is held in memory and sent in one request. 16 MiB keeps objects up to
	// 160 GB within S3's 10,000 parts; larger ones get larger parts.
	partSize = 16 << 20
	maxParts = 10_000
	// conflictTries bounds the repetition of requests that the store refused with 409.
	conflictTries = 5
)

// Put stores an object in one request when it fits one part, and in parts otherwise.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, size int64, cond store.Condition) (store.Object, error) {
	obj, err := b.put(ctx, key, r, size, cond)
	if err != nil {
		return store.Object{}, fmt.Errorf("put %s: %w", key, err)
	}
	return obj, nil
}

func (b *Bucket) put(ctx context.Context, key string, r io.Reader, size int64, cond store.Condition) (store.Object, error) {
	if err := errors.Join(check(ctx, key), cond.Check()); err != nil {
		return store.Object{}, err
	}
	if size < 0 {
		return store.Object{}, fmt.Errorf("negative size %d", size)
	}
	up := upload{b: b, key: b.at.Prefix + key, cond: cond, sum: crc64nvme.New(), body: &body{ctx: ctx, r: r, left: size}}
	send := up.whole
	if size > partSize {
		send = up.parts
	}
	info, err := send(ctx, size)
	if err != nil {
		return store.Object{}, err
	}
	if want := base64.StdEncoding.EncodeToString(up.sum.Sum(nil)); info.ChecksumCRC64NVME != "" && info.ChecksumCRC64NVME != want {
		return store.Object{}, fmt.Errorf("store reports CRC64NVME %s, sent %s: the object was damaged on its way", info.ChecksumCRC64NVME, want)
	}
	obj := b.object(key, minio.ObjectInfo{ETag: info.ETag, LastModified: info.LastModified})
	obj.Size = size
	return obj, nil
}

// upload is one put under way.
type upload struct {
	b    *Bucket
	key  string
	cond store.Condition
	sum  hash.Hash64 // CRC64NVME of the body; stores that compute one send it back
	body *body
}

// conditional returns the client and the options for the request that makes the object visible.
func (u *upload) conditional() (*minio.Core, minio.PutObjectOptions) {
	options := minio.PutObjectOptions{DisableMultipart: true}
	switch {
	case u.cond.IfAbsent:
		options.SetMatchETagExcept("*")
	case u.cond.IfMatch != "":
		options.SetMatchETag(u.cond.IfMatch)
	default:
		return u.b.retry, options
	}
	return u.b.once, options
}

// whole sends the object in one request, from memory so that the request can be repeated.
func (u *upload) whole(ctx context.Context, size int64) (minio.UploadInfo, error) {
	data := make([]byte, size)
	if err := u.body.fill(data); err != nil {
		return minio.UploadInfo{}, err
	}
	u.sum.Write(data)
	client, options := u.conditional()
	// An empty object is sent without chunks: a server may leave the last chunk of an empty body
	// unread and take it for the beginning of the next request on the connection (versitygw 1.8.0).
	options.DisableContentSha256 = size == 0
	return u.commit(ctx, func() (minio.UploadInfo, error) {
		return client.Client.PutObject(ctx, u.b.at.Bucket, u.key, bytes.NewReader(data), size, options)
	})
}

// parts sends the object in parts; the condition goes on the request that completes the upload. An
// upload that fails is aborted, so that the store does not keep its parts.
func (u *upload) parts(ctx context.Context, size int64) (info minio.UploadInfo, err error) {
	id, err := u.b.retry.NewMultipartUpload(ctx, u.b.at.Bucket, u.key, minio.PutObjectOptions{})
	if err != nil {
		return info, classifyWrite(err)
	}
	defer func() {
		if err == nil {
			return
		}
		// The context may be what failed; the abort gets its own, short time.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		u.b.retry.AbortMultipartUpload(ctx, u.b.at.Bucket, u.key, id)
	}()
	done, err := u.sendParts(ctx, id, size)
	if err != nil {
		return info, err
	}
	client, options := u.conditional()
	// An empty object is sent without chunks: a server may leave the last chunk of an empty body
	// unread and take it for the beginning of the next request on the connection (versitygw 1.8.0).
	options.DisableContentSha256 = size == 0
	return u.commit(ctx, func() (minio.UploadInfo, error) {
		return client.CompleteMultipartUpload(ctx, u.b.at.Bucket, u.key, id, done, options)
	})
}

func (u *upload) sendParts(ctx context.Context, id string, size int64) ([]minio.CompletePart, error) {
	each := max(partSize, (size+maxParts-1)/maxParts)
	buffer := make([]byte, each)
	var done []minio.CompletePart
	for sent := int64(0); sent < size; sent += each {
		data := buffer[:min(each, size-sent)]
		if err := u.body.fill(data); err != nil {
			return nil, err
		}
		u.sum.Write(data)
		part, err := u.b.retry.PutObjectPart(ctx, u.b.at.Bucket, u.key, id, len(done)+1, bytes.NewReader(data), int64(len(data)), minio.PutObjectPartOptions{})
		if err != nil {
			return nil, classifyWrite(err)
		}
		done = append(done, minio.CompletePart{
			PartNumber: part.PartNumber, ETag: part.ETag, ChecksumCRC64NVME: part.ChecksumCRC64NVME,
		})
	}
	return done, nil
}

// commit sends the request that counts, again after 409: by that the store says that it did nothing.
func (u *upload) commit(ctx context.Context, send func() (minio.UploadInfo, error)) (minio.UploadInfo, error) {
	if u.cond == (store.Condition{}) {
		info, err := send()
		return info, classifyWrite(err)
	}
	for try := 1; ; try++ {
		info, err := send()
		if err == nil {
			return info, nil
		}
		if !isConflict(err) || try == conflictTries {
			return info, classifyConditional(err, u.cond)
		}
		select {
		case <-ctx.Done():
			return info, context.Cause(ctx)
		case <-time.After(time.Duration(try) * 20 * time.Millisecond):
		}
	}
}

// body reads exactly the announced number of bytes.
type body struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

// fill reads len(p) bytes, and with the last of them makes sure that the reader ends.
func (b *body) fill(p []byte) error {
	for n := 0; n < len(p); {
		if err := context.Cause(b.ctx); err != nil {
			return err
		}
		m, err := b.r.Read(p[n:])
		n += m
		b.left -= int64(m)
		switch {
		case err == io.EOF && n < len(p):
			return fmt.Errorf("body ends %d bytes early: %w", b.left, io.ErrUnexpectedEOF)
		case err == io.EOF && b.left == 0:
			return nil
		case err != nil && err != io.EOF:
			return err
		}
	}
	if b.left > 0 {
		return nil
	}
	var one [1]byte
	switch n, err := io.ReadFull(b.r, one[:]); {
	case n > 0:
		return errors.New("body is longer than announced")
	case err != io.EOF:
		return err
	}
	return nil
}
