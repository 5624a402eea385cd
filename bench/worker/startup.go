package worker

import (
	"encoding/json"
	"io"
	"os/exec"
	"time"

	"github.com/cultivar/cultivar/bench/contest"
)

// StartupArgs name the program that is started.
type StartupArgs struct {
	Binary string `json:"binary"`
}

// startsInRun is how often a run starts the program.
const startsInRun = 10

func newStartup(text json.RawMessage) (contest.Runner, error) {
	var args StartupArgs
	if err := json.Unmarshal(text, &args); err != nil {
		return nil, err
	}
	return func(string) (contest.Sample, error) {
		began := time.Now()
		for range startsInRun {
			cmd := exec.Command(args.Binary, "version")
			cmd.Stdout = io.Discard
			if err := cmd.Run(); err != nil {
				return contest.Sample{}, err
			}
		}
		return contest.Sample{Seconds: time.Since(began).Seconds(), Work: startsInRun}, nil
	}, nil
}
