package bases

import "encoding/json"

// Keys reads what only some families know of a config. Absence and null read as the default that
// is given. The first mistake is kept for Err, so that a family reads all it needs and asks once.
type Keys struct{ r reader }

// Keys returns the keys that describe the language model: those of the file, or of its text_config
// in a multimodal model, with the defaults of the configuration class where a key is absent.
func (c *Config) Keys() *Keys {
	if c.keys == nil { // not parsed from a file
		return &Keys{reader{raw: c.Raw}}
	}
	return &Keys{reader{raw: c.keys}}
}

// Err is the first mistake, nil when there was none.
func (k *Keys) Err() error { return k.r.err }

// Has reports whether the key is there and not null.
func (k *Keys) Has(key string) bool { return k.r.has(key) }

// Raw is the JSON of a value, nil when there is none.
func (k *Keys) Raw(key string) json.RawMessage { return k.r.raw[key] }

// Bool reads true or false; absent is false.
func (k *Keys) Bool(key string) bool { return k.r.bool(key) }

// Float reads a number.
func (k *Keys) Float(key string, otherwise float64) float64 { return k.r.float(key, otherwise) }

// Int reads a whole number of low to high.
func (k *Keys) Int(key string, otherwise, low, high int) int {
	return k.r.int(key, otherwise, low, high)
}

// Ints reads a list of whole numbers, nil when there is none.
func (k *Keys) Ints(key string) []int {
	v, _ := read[[]int](&k.r, key, "a list of whole numbers")
	return v
}

// String reads a text.
func (k *Keys) String(key, otherwise string) string { return k.r.string(key, otherwise) }
