package door

import "strings"

// Here is what a command needs to be about the same home as this one when it is pasted: " --home X", or "".
func (a *App) Here() string { return flag("home", a.Home) }

func flag(name, value string) string {
	if value == "" {
		return ""
	}
	return " --" + name + " " + Quoted(value)
}

// Next tells what one would do next, as words of a command line that are quoted here: to people at a terminal
// alone.
func (a *App) Next(words ...string) {
	if a.JSON || !IsTerminal(a.Err) {
		return
	}
	for i, w := range words {
		words[i] = Quoted(w)
	}
	a.Note("next: cultivar %s%s", strings.Join(words, " "), a.Here())
}

// Quoted writes a word so that a shell reads it as one.
func Quoted(word string) string {
	if word != "" && strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+=,-") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
