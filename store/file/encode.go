package file

import (
	"errors"
	"strings"
)

// Keys become paths such that any two keys, also "a" and "a/b", also "a" and "A" on a file system
// that ignores case, can exist side by side, and that ordinary keys stay readable:
//
//   - a directory is the segment's name with ".d" behind it, a file is the plain name;
//   - an upper-case letter is "!" and the lower-case letter, as in Go's module cache;
//   - bytes outside [a-z0-9._-], a "." at the start, and the last byte of a name that ends in
//     ".d" or ".c" are "%" and two hex digits;
//   - a name too long for a directory entry has all its dots escaped and is cut, all pieces but
//     the last being directories with ".c" behind them.
//
// Each segment has exactly one encoding, and whatever is not one is not ours: such files, and
// everything whose name starts with ".", are left alone.
const (
	dirMark  = ".d"
	moreMark = ".c"
	// pieceLen keeps a piece with its mark below NAME_MAX: 255 nearly everywhere, 143 on eCryptfs.
	pieceLen = 140

	hexDigits = "0123456789abcdef"
)

var errNotEncoded = errors.New("not an encoded name")

// encodeSegment returns the escaped form of one segment, not yet cut to length.
func encodeSegment(segment string) string {
	name := escape(segment, false)
	if len(name) > pieceLen {
		// Without dots no piece can look hidden or marked, wherever the cut falls.
		name = escape(segment, true)
	}
	return name
}

func escape(segment string, dots bool) string {
	var b strings.Builder
	marked := strings.HasSuffix(segment, dirMark) || strings.HasSuffix(segment, moreMark)
	for i := range len(segment) {
		c := segment[i]
		switch {
		case 'A' <= c && c <= 'Z':
			b.WriteByte('!')
			b.WriteByte(c - 'A' + 'a')
		case !plain(c), c == '.' && (dots || i == 0), marked && i == len(segment)-1:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// decodeSegment is the inverse of encodeSegment; it refuses what encodeSegment cannot give.
func decodeSegment(name string) (string, error) {
	out := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '!' && i+1 < len(name):
			i++
			out = append(out, name[i]-'a'+'A')
		case c == '%' && i+2 < len(name):
			high, low := strings.IndexByte(hexDigits, name[i+1]), strings.IndexByte(hexDigits, name[i+2])
			if high < 0 || low < 0 {
				return "", errNotEncoded
			}
			out = append(out, byte(high<<4|low))
			i += 2
		default:
			out = append(out, c)
		}
	}
	segment := string(out)
	if segment == "" || encodeSegment(segment) != name {
		return "", errNotEncoded
	}
	return segment, nil
}

// encode returns the path of a key's file below the bucket's directory.
func encode(key string) string {
	var parts []string
	segments := strings.Split(key, "/")
	for i, segment := range segments {
		name := encodeSegment(segment)
		for len(name) > pieceLen {
			parts = append(parts, name[:pieceLen]+moreMark)
			name = name[pieceLen:]
		}
		if i < len(segments)-1 {
			name += dirMark
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, "/")
}
