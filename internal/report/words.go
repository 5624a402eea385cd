package report

// Table is plain rows.
type Table struct {
	Title   string
	Note    string
	Head    []string
	Rows    [][]string
	Numbers int  // so many columns at the end hold numbers
	Code    bool // the first column holds names of keys or digests
	Fold    bool // closed until it is asked for
}

// cellView is a cell as the template sees it.
type cellView struct {
	Text          string
	Number, Coded bool
}

func (t Table) view() (string, any) {
	v := struct {
		Table
		Top   []cellView
		Cells [][]cellView
	}{Table: t, Top: t.cells(t.Head)}
	for _, r := range t.Rows {
		v.Cells = append(v.Cells, t.cells(r))
	}
	return "table", v
}

// cells says of each cell of a row how it is set.
func (t Table) cells(row []string) []cellView {
	list := make([]cellView, len(row))
	for i, text := range row {
		number := i >= len(row)-t.Numbers
		list[i] = cellView{text, number, t.Code && i == 0}
	}
	return list
}

// Pairs is names with values, one below the other.
type Pairs struct {
	Title string
	Note  string
	Rows  []Pair
	Small bool
}

// Pair is a name and what it stands for. Digests and paths are Code.
type Pair struct {
	Name, Value string
	Code        bool
}

func (p Pairs) view() (string, any) { return "pairs", p }

// Text is a paragraph.
type Text struct {
	Text string
	Mild bool // beside the matter
	Loud bool // not to be missed
}

func (t Text) view() (string, any) { return "text", t }

// Sample is a prompt and how it was answered.
type Sample struct {
	Name    string
	Prompt  string
	Answers []Answer
}

// Answer is one of several to the same prompt.
type Answer struct {
	By    string
	Text  string
	Short bool // the answer did not end by itself
}

func (s Sample) view() (string, any) { return "sample", s }
