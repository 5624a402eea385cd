// Package s3 keeps a bucket in an S3-compatible store, through minio-go.
//
// Two properties of minio-go v7.4.1 shape the code. Its PutObject loses If-Match and If-None-Match
// when it uploads in parts, so that uploads in parts are made here, with the condition on the request
// that counts, the last one. And its retries lie to the winner of a conditional put: when the first
// answer was lost, the second says 412. Conditional requests are therefore sent once.
package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cultivar/cultivar/store"
)

// Location says where a bucket is. Credentials are no part of it.
type Location struct {
	Endpoint string // URL of the service, https://s3.amazonaws.com when empty
	Region   string // asked of the store when empty
	Bucket   string
	Prefix   string // "" or ends in "/"
	Insecure bool   // accept any TLS certificate
}

// ParseURL reads s3://bucket/prefix?endpoint=https://host:9000&region=R&insecure=true. What the URL
// leaves out comes from AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION and AWS_DEFAULT_REGION.
func ParseURL(raw string) (Location, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Location{}, fmt.Errorf("parse bucket URL: %w", errors.Unwrap(err)) // without the URL, which may hold a secret
	}
	switch {
	case u.Scheme != "s3" || u.Host == "":
		return Location{}, errors.New("parse bucket URL: want s3://bucket/prefix")
	case u.User != nil:
		return Location{}, errors.New("parse bucket URL: credentials belong into the environment, not into the URL")
	case u.Fragment != "" || u.Port() != "":
		return Location{}, fmt.Errorf("parse bucket URL s3://%s: want s3://bucket/prefix?endpoint=URL", u.Host)
	}
	l := Location{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	if l.Prefix != "" {
		if err := store.CheckKey(l.Prefix); err != nil {
			return Location{}, fmt.Errorf("parse bucket URL: prefix: %w", err)
		}
		l.Prefix += "/"
	}
	if err := l.query(u.RawQuery); err != nil {
		return Location{}, fmt.Errorf("parse bucket URL s3://%s: %w", u.Host, err)
	}
	l.Endpoint = firstOf(l.Endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), "https://s3.amazonaws.com")
	l.Region = firstOf(l.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	return l, nil
}

func (l *Location) query(raw string) error {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return err
	}
	for name, v := range values {
		value := v[len(v)-1]
		switch name {
		case "endpoint":
			l.Endpoint = value
		case "region":
			l.Region = value
		case "insecure":
			if l.Insecure, err = strconv.ParseBool(value); err != nil {
				return fmt.Errorf("insecure=%q is neither true nor false", value)
			}
		default:
			return fmt.Errorf("unknown parameter %q; known are endpoint, region and insecure", name)
		}
	}
	return nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Bucket is a store.Bucket in an S3 bucket, below a prefix.
type Bucket struct {
	at    Location
	retry *minio.Core // for what may be repeated
	once  *minio.Core // for conditional requests
}

// Open returns the bucket at a location. Nothing is sent yet. Credentials come from AWS_* or MINIO_*
// variables, the AWS credentials file, or the instance's role, in this order; without any, requests
// are anonymous.
func Open(at Location) (*Bucket, error) {
	endpoint, err := url.Parse(at.Endpoint)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.User != nil || strings.Trim(endpoint.Path, "/") != "" || endpoint.RawQuery != "" {
		return nil, fmt.Errorf("open bucket s3://%s: endpoint must be http://host or https://host", at.Bucket)
	}
	options := minio.Options{
		Secure: endpoint.Scheme == "https",
		Region: at.Region,
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.EnvMinio{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
		}),
	}
	if options.Transport, err = transport(options.Secure, at.Insecure); err != nil {
		return nil, fmt.Errorf("open bucket s3://%s: %w", at.Bucket, err)
	}
	b := &Bucket{at: at}
	if b.retry, err = minio.NewCore(endpoint.Host, &options); err != nil {
		return nil, fmt.Errorf("open bucket s3://%s: %w", at.Bucket, err)
	}
	options.MaxRetries = 1
	if b.once, err = minio.NewCore(endpoint.Host, &options); err != nil {
		return nil, fmt.Errorf("open bucket s3://%s: %w", at.Bucket, err)
	}
	return b, nil
}

// transport is one for both clients, so that they share connections.
func transport(secure, insecure bool) (*http.Transport, error) {
	t, err := minio.DefaultTransport(secure)
	if err == nil && insecure {
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		t.TLSClientConfig.InsecureSkipVerify = true // the user asked for it in the URL
	}
	return t, err
}

// URL names the bucket with its endpoint, so that it can be opened again elsewhere.
func (b *Bucket) URL() string {
	query := url.Values{"endpoint": {b.at.Endpoint}}
	if b.at.Region != "" {
		query.Set("region", b.at.Region)
	}
	if b.at.Insecure {
		query.Set("insecure", "true")
	}
	u := url.URL{Scheme: "s3", Host: b.at.Bucket, Path: "/" + b.at.Prefix, RawQuery: query.Encode()}
	return u.String()
}

func check(ctx context.Context, key string) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return store.CheckKey(key)
}

func (b *Bucket) object(key string, info minio.ObjectInfo) store.Object {
	return store.Object{Key: key, Size: info.Size, ETag: strings.Trim(info.ETag, `"`), Modified: info.LastModified}
}

// Get opens an object.
func (b *Bucket) Get(ctx context.Context, key string) (io.ReadCloser, store.Object, error) {
	if err := check(ctx, key); err != nil {
		return nil, store.Object{}, fmt.Errorf("get %s: %w", key, err)
	}
	body, info, _, err := b.retry.GetObject(ctx, b.at.Bucket, b.at.Prefix+key, minio.GetObjectOptions{})
	if err != nil {
		return nil, store.Object{}, fmt.Errorf("get %s: %w", key, classify(err))
	}
	return body, b.object(key, info), nil
}

// Stat describes an object.
func (b *Bucket) Stat(ctx context.Context, key string) (store.Object, error) {
	if err := check(ctx, key); err != nil {
		return store.Object{}, fmt.Errorf("stat %s: %w", key, err)
	}
	info, err := b.retry.StatObject(ctx, b.at.Bucket, b.at.Prefix+key, minio.StatObjectOptions{})
	if err != nil {
		return store.Object{}, fmt.Errorf("stat %s: %w", key, classify(err))
	}
	return b.object(key, info), nil
}

// List yields objects page by page.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		ctx, stop := context.WithCancel(ctx) // minio-go keeps a goroutine until then
		defer stop()
		if err := context.Cause(ctx); err != nil {
			yield(store.Object{}, fmt.Errorf("list %q: %w", prefix, err))
			return
		}
		var last string
		options := minio.ListObjectsOptions{Prefix: b.at.Prefix + prefix, Recursive: true}
		for info := range b.retry.ListObjectsIter(ctx, b.at.Bucket, options) {
			if info.Err != nil {
				yield(store.Object{}, fmt.Errorf("list %q: %w", prefix, classify(info.Err)))
				return
			}
			key := strings.TrimPrefix(info.Key, b.at.Prefix)
			if store.CheckKey(key) != nil {
				continue // a directory marker, or another program's object
			}
			if key <= last {
				yield(store.Object{}, fmt.Errorf("list %q: the store lists %q after %q, out of order", prefix, key, last))
				return
			}
			last = key
			if !yield(b.object(key, info), nil) {
				return
			}
		}
		if err := context.Cause(ctx); err != nil { // the iterator just ends
			yield(store.Object{}, fmt.Errorf("list %q: %w", prefix, err))
		}
	}
}

// Delete removes an object.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	err := b.retry.RemoveObject(ctx, b.at.Bucket, b.at.Prefix+key, minio.RemoveObjectOptions{})
	if err = classifyWrite(err); err != nil && !errors.Is(err, store.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}
