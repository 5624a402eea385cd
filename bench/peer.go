package main

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The peer's side of the contests: small Python programs that speak the protocol of package contest.
//
//go:embed peer/*.py
var peerPrograms embed.FS

// peerEnv names the interpreter of the peer's environment.
const peerEnv = "CULTIVAR_PEER"

// findPeer looks for the peer's environment and lays out its programs. That there is none is no
// error, unless it was asked for by name.
func (b *bench) findPeer(alone bool) error {
	named := b.harness.Python
	if named == "" {
		named = os.Getenv(peerEnv)
	}
	b.harness.Python = named
	if named == "" {
		b.harness.Python = filepath.Join(cached("cultivar-peer"), "bin", "python")
	}
	if alone {
		b.harness.Python = ""
	} else if _, err := os.Stat(b.harness.Python); err != nil {
		if named != "" {
			return fmt.Errorf("find the peer's interpreter: %w", err)
		}
		b.harness.Python = ""
	}
	b.harness.Scripts = filepath.Join(b.fixtures.Path, "peer")
	return writePeers(b.fixtures.Path)
}

func writePeers(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "peer"), 0o777); err != nil {
		return err
	}
	names, err := fs.Glob(peerPrograms, "peer/*.py")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := peerPrograms.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			return err
		}
	}
	return nil
}
