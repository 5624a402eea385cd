package cli

import (
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/spec"
)

func (a *app) configCommand() *cobra.Command {
	return group("config", "Describe the configuration files", "", a.configSchemaCommand(), a.configDefaultsCommand())
}

// subject is the configuration that the arguments name, training's without any.
func subject(args []string) (string, error) {
	name := first(args)
	if name == "" {
		return "train", nil
	}
	_, err := spec.Defaults(name)
	return name, usageError(err)
}

func (a *app) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [train|ingest]",
		Short: "Print the JSON Schema of a configuration file",
		Long: `Print the JSON Schema (draft 2020-12) of a configuration file, with what each key means and its
default. Editors complete and check YAML files with it: write it to a file, and begin the YAML with

  # yaml-language-server: $schema=train.schema.json`,
		Args:      atMostArgs("train|ingest"),
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
			_, err = a.raw.Write(text)
			return err
		},
	}
}

func (a *app) configDefaultsCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "defaults [train|ingest]",
		Short:     "Print a configuration file with all keys and their defaults, as YAML",
		Args:      atMostArgs("train|ingest"),
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
			if a.json {
				text, err := workflows.Encode(config)
				if err != nil {
					return err
				}
				return a.printJSON(text)
			}
			return a.printDefaults(name, config)
		},
	}
}

// printDefaults writes a configuration with what each key means above it.
func (a *app) printDefaults(name string, config any) error {
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
	_, err = a.raw.Write(text)
	return err
}
