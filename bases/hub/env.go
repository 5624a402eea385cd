package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/secret"
)

const defaultEndpoint = "https://huggingface.co"

// FromEnv reads the variables of Hugging Face's own tools, with their defaults: HF_ENDPOINT,
// HF_HUB_CACHE, HF_HOME, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_HUB_OFFLINE
// (https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables).
func FromEnv() (Config, error) { return fromEnv(os.Getenv, os.UserHomeDir) }

func fromEnv(env func(string) string, userHome func() (string, error)) (Config, error) {
	first := func(names ...string) string {
		for _, name := range names {
			if v := env(name); v != "" {
				return v
			}
		}
		return ""
	}
	c := Config{Endpoint: defaultEndpoint, Agent: "cultivar"}
	if v := env("HF_ENDPOINT"); v != "" {
		u, err := url.Parse(v)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
			// The value is not shown: somebody may have put a password into it.
			return c, errors.New("HF_ENDPOINT is no URL of a hub; want https://host")
		}
		c.Endpoint = v
	}
	home, homeErr := userHome()
	expand := func(path string) string {
		if path == "~" || strings.HasPrefix(path, "~/") {
			path = home + path[1:]
		}
		return os.Expand(path, env)
	}
	hf := expand(env("HF_HOME"))
	if hf == "" {
		cache := expand(env("XDG_CACHE_HOME"))
		if cache == "" && home != "" {
			cache = filepath.Join(home, ".cache")
		}
		if cache != "" {
			hf = filepath.Join(cache, "huggingface")
		}
	}
	switch v := first("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"); {
	case v != "":
		c.Cache = expand(v)
	case hf != "":
		c.Cache = filepath.Join(hf, "hub")
	default:
		return c, fmt.Errorf("find the cache of the hub: %w; set HF_HOME", homeErr)
	}
	c.Offline = isTrue(first("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
	if isTrue(env("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
		return c, nil
	}
	path := expand(env("HF_TOKEN_PATH"))
	if path == "" && hf != "" {
		path = filepath.Join(hf, "token")
	}
	var err error
	c.Token, err = readToken(first("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"), path)
	return c, err
}

func isTrue(v string) bool {
	switch strings.ToUpper(v) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

// readToken takes the token given, else what the file holds; no file is no token.
func readToken(given, path string) (secret.String, error) {
	text := given
	if text == "" && path != "" {
		data, err := bounded.ReadFile(path, 1<<16)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return secret.String{}, fmt.Errorf("read the hub's token: %w", err)
		}
		text = string(data)
	}
	text = strings.TrimSpace(strings.NewReplacer("\r", "", "\n", "").Replace(text))
	for _, c := range text {
		if c <= ' ' || c > '~' {
			return secret.String{}, errors.New("the hub's token holds characters that no token has; look at HF_TOKEN and at the token file")
		}
	}
	if text == "" {
		return secret.String{}, nil
	}
	return secret.New(text), nil
}
