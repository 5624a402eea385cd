package door

import "testing"

func TestHubName(t *testing.T) {
	for text, want := range map[string]string{
		"google/gemma-3-270m":                        "hf://google/gemma-3-270m",
		"google/gemma-3-270m@v2":                     "hf://google/gemma-3-270m@v2",
		"https://huggingface.co/google/gemma-3-270m": "hf://google/gemma-3-270m",
		"https://huggingface.co/Qwen/Qwen3-0.6B/":    "hf://Qwen/Qwen3-0.6B",
		"huggingface.co/Qwen/Qwen3-0.6B/tree/main":   "hf://Qwen/Qwen3-0.6B",
		"hf:Qwen/Qwen3-0.6B":                         "hf://Qwen/Qwen3-0.6B",
		"hf:/Qwen/Qwen3-0.6B":                        "hf://Qwen/Qwen3-0.6B",
		"gpt2":                                       "",
		"./models/gemma":                             "",
		"/models/gemma":                              "",
		"models/a/b/c":                               "",
		"s3://bucket/base":                           "",
		"../x":                                       "",
		"https://example.org/google/gemma-3-270m":    "",
		"https://huggingface.co/google/gemma-3-270m/tree/a": "hf://google/gemma-3-270m@a",
	} {
		if got := HubName(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
