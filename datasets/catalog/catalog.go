// Package catalog keeps dataset versions in a home directory:
//
//	<home>/datasets/<name>/v<number>/{documents,exclusions,redactions,examples}/*.parquet
//	<home>/datasets/<name>/v<number>/manifest.json, card.md
//
// A version is immutable and appears whole, by one rename; docs/format/dataset.md is the promise.
// Several processes may use a home at once.
package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cultivar/cultivar/datasets"
)

// Catalog is the datasets of one home. The zero value is of no use; New makes one.
type Catalog struct{ root string }

// New returns the catalog of a home directory, which need not exist yet: only Create writes.
func New(home string) *Catalog { return &Catalog{root: filepath.Join(home, "datasets")} }

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// CheckName reports a name that a dataset cannot have.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("dataset name %q: want lower-case letters, digits and ._- after a letter or digit, at most 63", name)
	}
	return nil
}

// List returns the names of the datasets that have a version, sorted.
func (c *Catalog) List() ([]string, error) {
	entries, err := os.ReadDir(c.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list datasets: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() || CheckName(e.Name()) != nil {
			continue
		}
		numbers, err := c.numbers(e.Name())
		if err != nil {
			return nil, err
		}
		if len(numbers) > 0 {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Versions returns the versions of a dataset, oldest first. Unreadable ones are left out and
// reported in the error, so that one damaged manifest does not hide the others.
func (c *Catalog) Versions(name string) ([]*Dataset, error) {
	numbers, err := c.existing(name)
	if err != nil {
		return nil, err
	}
	var list []*Dataset
	var problems []error
	for _, n := range numbers {
		d, err := openDir(c.versionDir(name, n))
		if err != nil {
			problems = append(problems, fmt.Errorf("open dataset %s@%d: %w", name, n, err))
			continue
		}
		list = append(list, d)
	}
	return list, errors.Join(problems...)
}

// Open returns the version that ref names: "name" is the latest, "name@3" the third, and a path
// (with a slash, or of a directory that holds a manifest while no dataset has that name) stands for
// itself. datasets.ErrNotFound means that there is none.
func (c *Catalog) Open(ref string) (*Dataset, error) {
	d, err := c.open(ref)
	if err != nil {
		return nil, fmt.Errorf("open dataset %s: %w", ref, err)
	}
	return d, nil
}

func (c *Catalog) open(ref string) (*Dataset, error) {
	if strings.ContainsRune(ref, filepath.Separator) || strings.HasPrefix(ref, ".") {
		return openDir(ref)
	}
	name, number, err := parseRef(ref)
	if err == nil {
		var numbers []int
		if numbers, err = c.existing(name); err == nil {
			if number == 0 {
				number = numbers[len(numbers)-1]
			}
			return openDir(c.versionDir(name, number))
		}
	}
	if info, statErr := os.Stat(filepath.Join(ref, manifestName)); statErr == nil && info.Mode().IsRegular() {
		return openDir(ref)
	}
	return nil, err
}

// parseRef takes "name", "name@3" and "name@v3" apart; the number is 0 for the latest.
func parseRef(ref string) (name string, number int, err error) {
	name, version, found := strings.Cut(ref, "@")
	if err := CheckName(name); err != nil {
		return "", 0, err
	}
	if !found {
		return name, 0, nil
	}
	number, ok := parseVersion("v" + strings.TrimPrefix(version, "v"))
	if !ok {
		return "", 0, fmt.Errorf("version %q is not a number from 1", version)
	}
	return name, number, nil
}

// parseVersion reads a version's directory name: v1, v2, … without leading zeros.
func parseVersion(dir string) (int, bool) {
	digits, found := strings.CutPrefix(dir, "v")
	n, err := strconv.Atoi(digits)
	return n, found && err == nil && n > 0 && strconv.Itoa(n) == digits
}

func (c *Catalog) versionDir(name string, number int) string {
	return filepath.Join(c.root, name, "v"+strconv.Itoa(number))
}

// numbers lists the versions of a dataset, ascending; none when it does not exist.
func (c *Catalog) numbers(name string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(c.root, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list versions: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		if n, ok := parseVersion(e.Name()); ok && e.IsDir() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// existing is numbers of a dataset that must exist.
func (c *Catalog) existing(name string) ([]int, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	numbers, err := c.numbers(name)
	if err == nil && len(numbers) == 0 {
		err = fmt.Errorf("%q in %s: %w", name, c.root, datasets.ErrNotFound)
	}
	return numbers, err
}
