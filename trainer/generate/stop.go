package generate

import "strings"

// UntilStop passes text on up to the first of some stop texts. What may be the beginning of one is
// held back until more is known.
type UntilStop struct {
	Stops []string
	Emit  func(string) // may be nil

	whole   strings.Builder
	pending string
	stopped bool
}

// Add takes a piece and reports whether a stop text has occurred.
func (u *UntilStop) Add(piece string) bool {
	u.pending += piece
	if at := u.first(); at >= 0 {
		u.pass(u.pending[:at])
		u.pending, u.stopped = "", true
		return true
	}
	keep := u.begun()
	u.pass(u.pending[:len(u.pending)-keep])
	u.pending = u.pending[len(u.pending)-keep:]
	return false
}

// Flush passes on what was held back.
func (u *UntilStop) Flush() {
	u.pass(u.pending)
	u.pending = ""
}

// Text is what was passed on so far.
func (u *UntilStop) Text() string { return u.whole.String() }

// Stopped reports whether a stop text has occurred.
func (u *UntilStop) Stopped() bool { return u.stopped }

func (u *UntilStop) pass(s string) {
	u.whole.WriteString(s)
	if u.Emit != nil && s != "" {
		u.Emit(s)
	}
}

// first returns where the earliest stop text begins, -1 when there is none.
func (u *UntilStop) first() int {
	at := -1
	for _, s := range u.Stops {
		if i := strings.Index(u.pending, s); s != "" && i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	return at
}

// begun returns how many bytes at the end of pending may begin a stop text.
func (u *UntilStop) begun() int {
	most := 0
	for _, s := range u.Stops {
		for n := min(len(s)-1, len(u.pending)); n > most; n-- {
			if strings.HasSuffix(u.pending, s[:n]) {
				most = n
			}
		}
	}
	return most
}
