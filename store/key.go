package store

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of a key, in bytes. S3 allows 1024 for the whole; 255 is NAME_MAX of the file systems
// that S3 gateways put their objects on.
const (
	MaxKeyLen     = 1024
	MaxSegmentLen = 255
)

// CheckKey says whether a key is one that every provider can hold. Keys are UTF-8, their segments
// are separated by single slashes, and no segment is empty, "." or "..". Backslashes and control
// characters are refused because some store, shell or file system gives them a meaning.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: empty", ErrBadKey)
	case len(key) > MaxKeyLen:
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrBadKey, len(key), MaxKeyLen)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w %q: not UTF-8", ErrBadKey, key)
	}
	if i := strings.IndexFunc(key, forbidden); i >= 0 {
		return fmt.Errorf("%w %q: forbidden character at byte %d", ErrBadKey, key, i)
	}
	for segment := range strings.SplitSeq(key, "/") {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return fmt.Errorf("%w %q: segment %q", ErrBadKey, key, segment)
		case len(segment) > MaxSegmentLen:
			return fmt.Errorf("%w %.40q…: segment of %d bytes, the limit is %d", ErrBadKey, key, len(segment), MaxSegmentLen)
		}
	}
	return nil
}

// forbidden holds for the backslash and for C0, DEL and C1 control characters.
func forbidden(r rune) bool { return r == '\\' || r < 0x20 || r >= 0x7f && r < 0xa0 }

// Check says whether a condition makes sense: it may ask for absence or for an ETag, not for both.
func (c Condition) Check() error {
	if c.IfAbsent && c.IfMatch != "" {
		return fmt.Errorf("condition asks for an absent object and for ETag %q", c.IfMatch)
	}
	return nil
}
