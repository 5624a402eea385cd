package s3

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/cultivar/cultivar/store"
)

// classify adds the store's word for an error of the service, and keeps the error.
func classify(err error) error {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return err
	}
	switch {
	case answer.Code == minio.NoSuchBucket:
		return fmt.Errorf("bucket %q does not exist: %w", answer.BucketName, err)
	case answer.StatusCode == http.StatusNotFound, answer.Code == minio.NoSuchKey:
		return fmt.Errorf("%w (%w)", store.ErrNotExist, err)
	}
	return err
}

// classifyWrite is classify for changes, where a refusal of access means read-only.
func classifyWrite(err error) error {
	if err == nil {
		return nil
	}
	if is(err, http.StatusForbidden) && minio.ToErrorResponse(err).Code == minio.AccessDenied {
		return fmt.Errorf("%w (%w)", store.ErrReadOnly, err)
	}
	return classify(err)
}

// classifyConditional is classifyWrite for a put under a condition.
func classifyConditional(err error, cond store.Condition) error {
	switch {
	case is(err, http.StatusNotImplemented):
		return fmt.Errorf("%w (%w)", store.ErrNoConditions, err)
	case is(err, http.StatusPreconditionFailed), isConflict(err),
		// If-Match on an absent object is 404 on AWS.
		cond.IfMatch != "" && errors.Is(classify(err), store.ErrNotExist):
		return fmt.Errorf("%w (%w)", lost(cond), err)
	}
	return classifyWrite(err)
}

func lost(cond store.Condition) error {
	if cond.IfAbsent {
		return store.ErrExist
	}
	return store.ErrPrecondition
}

// isConflict holds for 409 ConditionalRequestConflict and OperationAborted: another request on the
// key was under way, and this one has done nothing.
func isConflict(err error) bool { return is(err, http.StatusConflict) }

func is(err error, status int) bool {
	var answer minio.ErrorResponse
	return errors.As(err, &answer) && answer.StatusCode == status
}
