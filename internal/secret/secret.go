// Package secret holds credentials so that they cannot be printed by accident.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// mask is what everything but Reveal shows.
const mask = "***"

// String is a secret text. It prints, encodes and logs as ***, whatever the verb or encoder; only
// Reveal gives the text. The zero value is the empty secret. Values must be compared with Equal.
type String struct {
	// A pointer, because fmt cannot call methods on unexported fields of somebody else's struct and
	// would print a text found there, but prints an address for a pointer.
	text *string
}

// New wraps a text.
func New(text string) String { return String{text: &text} }

// Reveal returns the text. Its callers are the places to audit.
func (s String) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is empty, that is, not configured.
func (s String) IsZero() bool { return s.Reveal() == "" }

// Equal compares in time that depends on neither text.
func (s String) Equal(other String) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String implements fmt.Stringer.
func (String) String() string { return mask }

// Format implements fmt.Formatter, which comes before Stringer and GoStringer for every verb.
func (String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// LogValue implements slog.LogValuer.
func (String) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalText implements encoding.TextMarshaler, which JSON, XML and YAML encoders use.
func (String) MarshalText() ([]byte, error) { return []byte(mask), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *String) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}
