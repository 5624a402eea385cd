package cli

import (
	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
)

func nextSteps(a *door.App, c *cobra.Command) error { return a.Help(c) }
