package cli

import (
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cultivar/cultivar/internal/embedded"
	basefiles "github.com/cultivar/cultivar/internal/embedded/base"
)

// unpackBase is the script command `embedded DIR`: the base that the program carries.
func unpackBase(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(embedded.Unpack(basefiles.FS, basefiles.Name, ts.MkAbs(args[0])))
}
