// Package s3server runs a real S3 server (versitygw on a temporary directory) for tests.
//
// The server is a child process: the test binary itself, started again. versitygw changes the
// working directory and allows one server a process, neither of which a test should have to know.
package s3server

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// AccessKey and SecretKey open the server.
const (
	AccessKey = "cultivar-test"
	SecretKey = "cultivar-test-secret"
)

const (
	childAddr = "CULTIVAR_TEST_S3SERVER_ADDR"
	childDir  = "CULTIVAR_TEST_S3SERVER_DIR"
	region    = "us-east-1"
)

// init is the child's main: it must not run the tests that the binary is made of.
func init() {
	addr := os.Getenv(childAddr)
	if addr == "" {
		return
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with the parent, however that dies
		os.Exit(0)
	}()
	fmt.Fprintln(os.Stderr, serve(addr, os.Getenv(childDir)))
	os.Exit(1)
}

func serve(addr, dir string) error {
	root, sidecar := filepath.Join(dir, "root"), filepath.Join(dir, "sidecar")
	for _, d := range []string{root, sidecar} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			return err
		}
	}
	var attributes meta.MetadataStorer = meta.XattrMeta{}
	options := posix.PosixOpts{}
	if err := (meta.XattrMeta{}).Test(root); err != nil { // no extended attributes here
		side, err := meta.NewSideCar(sidecar)
		if err != nil {
			return err
		}
		attributes, options.SideCarDir = side, sidecar
	}
	backend, err := posix.New(root, attributes, options)
	if err != nil {
		return err
	}
	return embedgw.RunVersityGW(context.Background(), backend, &embedgw.Config{
		RootUserAccess: AccessKey, RootUserSecret: SecretKey, Region: region,
		Ports: []string{addr}, MaxConnections: 1024, MaxRequests: 512, MultipartMaxParts: 10_000,
		KeepAlive: true, Quiet: true, HealthPath: "/health",
	})
}

// Server is a running server.
type Server struct {
	Endpoint string // http://127.0.0.1:port
	dir      string
}

// Start runs a server for the time of the test, and sets the environment's credentials to its own.
func Start(t testing.TB) *Server {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", SecretKey)
	t.Setenv("AWS_SESSION_TOKEN", "")
	for range 3 { // the port may be taken between choosing and listening
		if s, err := start(t); err == nil {
			return s
		} else {
			t.Log(err)
		}
	}
	t.Fatal("the S3 server does not start")
	return nil
}

func start(t testing.TB) (*Server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &Server{Endpoint: "http://" + addr, dir: t.TempDir()}
	var output strings.Builder
	child := exec.Command(self)
	child.Env = append(os.Environ(), childAddr+"="+addr, childDir+"="+s.dir)
	child.Stderr = &output
	stdin, err := child.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := child.Start(); err != nil {
		return nil, err
	}
	exited := make(chan error, 1)
	go func() { exited <- child.Wait() }()
	if err := s.await(exited); err != nil {
		stdin.Close()
		child.Process.Kill()
		return nil, fmt.Errorf("start S3 server: %w", err)
	}
	t.Cleanup(func() {
		stdin.Close()
		<-exited
	})
	return s, nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// await returns when the server answers.
func (s *Server) await(exited <-chan error) error {
	deadline := time.After(20 * time.Second)
	for {
		if response, err := http.Get(s.Endpoint + "/health"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-exited:
			return fmt.Errorf("it ended: %w", err)
		case <-deadline:
			return fmt.Errorf("no answer from %s", s.Endpoint)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// NewBucket makes an empty bucket and returns the URL for store/open.
func (s *Server) NewBucket(t testing.TB) string {
	t.Helper()
	name := "b-" + strings.ToLower(rand.Text())
	// A directory is a bucket of versitygw's posix backend; this spares a client here.
	if err := os.Mkdir(filepath.Join(s.dir, "root", name), 0o777); err != nil {
		t.Fatal(err)
	}
	return "s3://" + name + "?" + url.Values{"endpoint": {s.Endpoint}, "region": {region}}.Encode()
}
