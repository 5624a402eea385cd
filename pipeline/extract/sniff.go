package extract

import (
	"path"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// The types that our formats read.
const (
	MIMEText     = "text/plain"
	MIMEMarkdown = "text/markdown"
	MIMEHTML     = "text/html"
	MIMEJSON     = "application/json"
	MIMEJSONL    = "application/x-ndjson"
	MIMECSV      = "text/csv"
	MIMETSV      = "text/tab-separated-values"
	MIMEParquet  = "application/vnd.apache.parquet"
)

// byExt decides between kinds of text, which look alike from their bytes.
var byExt = map[string]string{
	".md": MIMEMarkdown, ".markdown": MIMEMarkdown, ".mdx": MIMEMarkdown, ".mkd": MIMEMarkdown,
	".html": MIMEHTML, ".htm": MIMEHTML, ".xhtml": MIMEHTML,
	".json": MIMEJSON, ".jsonl": MIMEJSONL, ".ndjson": MIMEJSONL,
	".csv": MIMECSV, ".tsv": MIMETSV,
	".xml": "text/xml", ".svg": "image/svg+xml",
}

// Sniff returns the type of a file, without parameters. The bytes decide whether it is text at all;
// among texts the extension decides, since a Markdown file and a table look the same to a sniffer.
func Sniff(name string, raw []byte) string {
	found := mimetype.Detect(raw)
	if !isText(found) && !looksUTF16(raw) {
		return base(found.String())
	}
	if mime, ok := byExt[strings.ToLower(path.Ext(name))]; ok {
		return mime
	}
	switch mime := base(found.String()); mime {
	case MIMEHTML, "image/svg+xml", "text/xml", "text/rtf", "message/rfc822":
		return mime
	}
	return MIMEText
}

// isText reports whether a type is text or derived from it (mimetype knows JSON as a kind of text).
func isText(m *mimetype.MIME) bool {
	for ; m != nil; m = m.Parent() {
		if m.Is(MIMEText) {
			return true
		}
	}
	return false
}

func base(mime string) string {
	b, _, _ := strings.Cut(mime, ";")
	return strings.TrimSpace(b)
}
