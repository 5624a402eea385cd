package trainer

import "github.com/cultivar/cultivar/internal/yamlerr"

// ParseConfig decodes a YAML configuration over the defaults. An unknown key is an error with its
// line and the key that was perhaps meant.
func ParseConfig(text []byte) (Config, error) {
	c := DefaultConfig()
	if err := yamlerr.Decode(text, &c); err != nil {
		return Config{}, err
	}
	return c, c.Validate()
}
