package cli

import "github.com/cultivar/cultivar/workflows/stages"

// What verbs print with --json beside what the rooms report themselves.
type (
	// versionJSON is the result of version.
	versionJSON struct {
		Version  string `json:"version"`
		Go       string `json:"go"`       // that it was built with
		Platform string `json:"platform"` // system/architecture
	}
	// pulledJSON is the result of pull.
	pulledJSON struct {
		Ref     string `json:"ref"`
		Name    string `json:"name"`
		Version int    `json:"version"`
		Digest  string `json:"digest"`
		Out     string `json:"out"`
		Bytes   int64  `json:"bytes"`
		Files   int    `json:"files"`
	}
	// exportedJSON is the result of export.
	exportedJSON struct {
		Adapter string `json:"adapter"` // name@version, or the directory
		Bytes   int64  `json:"bytes"`   // of the weights written; 0 for peft
		Format  string `json:"format"`
		Modules int    `json:"modules"` // weights that were updated; 0 for peft
		Out     string `json:"out"`
		Shards  int    `json:"shards"`  // files they are in
		Tensors int    `json:"tensors"` // weights written; 0 for peft
	}
	// soundJSON is the result of adapter verify.
	soundJSON struct {
		Adapter string `json:"adapter"` // name@version, or the directory
		Digest  string `json:"adapter_digest"`
		Tensors int    `json:"tensors"`
		Bytes   int64  `json:"bytes"` // as float32
	}
	// cardJSON is the result of dataset card.
	cardJSON struct {
		Card string `json:"card"` // Markdown
	}
	// intactJSON is the result of dataset verify.
	intactJSON struct {
		Dataset string `json:"dataset"`
		Digest  string `json:"digest"`
		Files   int    `json:"files"`
		Bytes   int64  `json:"bytes"`
	}
	// rowsFileJSON is the result of dataset export.
	rowsFileJSON struct {
		Dataset string `json:"dataset"`
		Out     string `json:"out"`
		Table   string `json:"table"`
		Format  string `json:"format"`
		Rows    int64  `json:"rows"`
	}
	// textJSON is the result of template.
	textJSON struct {
		Text string `json:"text"`
	}
	// answersJSON is the result of generate for several prompts.
	answersJSON struct {
		Answers []stages.GenerateResult `json:"answers"`
	}
)
