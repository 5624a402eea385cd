package ggufvocab

import (
	"encoding/json"
	"fmt"
	"testing"
)

// What files hold is tested where they are written, in adapters/export.
func TestPrefixesSpace(t *testing.T) {
	for scheme, want := range map[string]bool{"always": true, "first": true, "never": false} {
		v := &vocabulary{}
		if err := json.Unmarshal(fmt.Appendf(nil, `{"type":"Metaspace","prepend_scheme":%q}`, scheme), &v.file.PreTokenizer); err != nil {
			t.Fatal(err)
		}
		if v.prefixesSpace() != want {
			t.Errorf("Metaspace %s: %v", scheme, !want)
		}
	}
}
