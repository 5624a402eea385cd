package cli

import (
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/spec"
)

func configCommand(a *door.App) *cobra.Command {
	return door.Group("config", "Describe the configuration files", "", configSchemaCommand(a), configDefaultsCommand(a))
}

// subject is the configuration that the arguments name, training's without any.
func subject(args []string) (string, error) {
	name := door.First(args)
	if name == "" {
		return "train", nil
	}
	_, err := spec.Defaults(name)
	return name, door.UsageError(err)
}

func configSchemaCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [train|ingest]",
		Short: "Print the JSON Schema of a configuration file",
		Long: `Print the JSON Schema (draft 2020-12) of a configuration file, with what each key means and its
default. Editors complete and check YAML files with it: write it to a file, and begin the YAML with

  # yaml-language-server: $schema=train.schema.json`,
		Example: `  cultivar config schema
  cultivar config schema ingest > ingest.schema.json`,
		Args:      door.AtMostArgs("train|ingest"),
		ValidArgs: spec.Configs,
		RunE: func(_ *cobra.Command, args []string) error {
			name, err := subject(args)
			if err != nil {
				return err
			}
			text, err := spec.Schema(name)
			if err != nil {
				return err
			}
			_, err = a.Raw.Write(text)
			return err
		},
	}
}

func configDefaultsCommand(a *door.App) *cobra.Command {
	return &cobra.Command{
		Use:   "defaults [train|ingest]",
		Short: "Print a configuration file with all keys and their defaults, as YAML",
		Example: `  cultivar config defaults
  cultivar config defaults ingest > ingest-defaults.yaml`,
		Args:      door.AtMostArgs("train|ingest"),
		ValidArgs: spec.Configs,
		RunE: func(_ *cobra.Command, args []string) error {
			name, err := subject(args)
			if err != nil {
				return err
			}
			config, err := spec.Defaults(name)
			if err != nil {
				return err
			}
			if a.JSON {
				text, err := workflows.Encode(config)
				if err != nil {
					return err
				}
				return a.PrintJSON(text)
			}
			return printDefaults(a, name, config)
		},
	}
}

// printDefaults writes a configuration with what each key means above it.
func printDefaults(a *door.App, name string, config any) error {
	keys, err := spec.Keys(name)
	if err != nil {
		return err
	}
	comments := yaml.CommentMap{}
	for _, k := range keys {
		comments["$."+k.Path] = []*yaml.Comment{yaml.HeadComment(" " + k.Help)}
	}
	text, err := yaml.MarshalWithOptions(config, yaml.WithComment(comments))
	if err != nil {
		return fmt.Errorf("encode defaults: %w", err)
	}
	_, err = a.Raw.Write(text)
	return err
}
