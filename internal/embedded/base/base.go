// Package base holds the base model that the program carries: seedling, a Llama model of 1.9 million
// parameters that the project trained itself, on text that internal/corpus generates, with the
// recipe of cmd/seedling. It is small enough to ship and to fit within a minute, and good
// for nothing but that.
package base

import "embed"

// Name of the model.
const Name = "seedling"

// FS has the model directory below seedling/.
//
//go:embed seedling
var FS embed.FS
