package modelverbs

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/internal/humanize"
	"github.com/cultivar/cultivar/workflows/kinds"
	"github.com/cultivar/cultivar/workflows/knowledge"
)

// runKnowledge is eval --knowledge.
func runKnowledge(a *door.App, c *cobra.Command, o evalOptions) error {
	for _, name := range []string{"split", "max-seq-length", "chat-template", "map", "keep-unknown", "append-eos", "logprobs"} {
		if c.Flags().Changed(name) {
			return door.Usagef("--%s does not go with --knowledge, which compares statements of all documents", name)
		}
	}
	k, err := door.Recorded(a, c, kinds.Knowing(), knowledge.Options{
		Home: o.Home, Base: o.Base, Adapter: o.Adapter, Data: o.Data, Quantize: o.Quantize, AllowOtherBase: o.AllowOtherBase, Warn: a.Warn,
		Report: o.Report, LeaveReport: true,
	})
	if err != nil {
		return err
	}
	if a.JSON {
		return a.PrintJSON(k)
	}
	return printKnowledge(a, k)
}

// shownNotLearnt is how many documents are listed; --json has all of them.
const shownNotLearnt = 10

func printKnowledge(a *door.App, k knowledge.Result) error {
	var f door.Fields
	f.Add("knowledge", "%s", k.Judged().Estimate)
	if k.Adapter != nil {
		f.Add("base", "%s", k.Base.Estimate)
	}
	f.Add("compared", "%d statements of %d documents, %s times with an altered one", k.Statements, len(k.Base.Documents), humanize.Count(int64(k.Comparisons)))
	if none := k.Documents - len(k.Base.Documents); none > 0 {
		f.Add("note", "%d documents have no statement that could be altered", none)
	}
	missing := k.Judged().NotLearnt()
	f.Add("not learnt", "%d documents", len(missing))
	f.Some("report", k.Report)
	if err := a.PrintFields(&f); err != nil || len(missing) == 0 {
		return err
	}
	_, _ = fmt.Fprintln(a.Out)
	var rows [][]string
	for _, d := range missing[:min(len(missing), shownNotLearnt)] {
		rows = append(rows, []string{d.SourceURI, fmt.Sprintf("%.2f", d.Accuracy), strconv.Itoa(d.Comparisons)})
	}
	return a.PrintTable([]door.Column{{Name: "DOCUMENT", Shrink: 's'}, {Name: "RIGHT", Right: true}, {Name: "COMPARED", Right: true, Spare: 1}}, rows)
}
