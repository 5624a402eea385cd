package trainer

import (
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/cultivar/cultivar/internal/yamlerr"
)

// ParseConfig decodes a YAML configuration over the defaults. An unknown key is an error with its
// line and the key that was perhaps meant.
func ParseConfig(text []byte) (Config, error) {
	c := DefaultConfig()
	if strings.TrimSpace(string(text)) != "" {
		if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
			return Config{}, yamlerr.Explain(err, c)
		}
	}
	return c, c.Validate()
}
