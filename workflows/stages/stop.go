package stages

import "strings"

// untilStop passes text on up to the first of some stop texts. What may be the beginning of one is
// held back until more is known.
type untilStop struct {
	stops   []string
	emit    func(string) // may be nil
	whole   strings.Builder
	pending string
	stopped bool
}

// add takes a piece and reports whether a stop text has occurred.
func (u *untilStop) add(piece string) bool {
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

// flush passes on what was held back.
func (u *untilStop) flush() {
	u.pass(u.pending)
	u.pending = ""
}

func (u *untilStop) pass(s string) {
	u.whole.WriteString(s)
	if u.emit != nil && s != "" {
		u.emit(s)
	}
}

// first returns where the earliest stop text begins, -1 when there is none.
func (u *untilStop) first() int {
	at := -1
	for _, s := range u.stops {
		if i := strings.Index(u.pending, s); s != "" && i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	return at
}

// begun returns how many bytes at the end of pending may begin a stop text.
func (u *untilStop) begun() int {
	most := 0
	for _, s := range u.stops {
		for n := min(len(s)-1, len(u.pending)); n > most; n-- {
			if strings.HasSuffix(u.pending, s[:n]) {
				most = n
			}
		}
	}
	return most
}
