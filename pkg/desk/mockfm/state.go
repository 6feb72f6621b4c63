package mockfm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// marker tells a state directory of ours from somebody's files.
const marker = ".mockfm"

// prepare makes State an empty directory that is ours: a satellite fresh from
// the factory. What an earlier run left in it goes.
func (m *Mock) prepare() error {
	dir := m.cfg.State
	if dir == "" {
		return errors.New("no state directory given")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	m.cfg.State = dir
	m.files.dir = filepath.Join(dir, "bucket")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the state directory: %w; give --state another", err)
	}
	old, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(dir, marker)); err != nil && len(old) > 0 {
		return fmt.Errorf("state directory %s has files in it that are not of mockfm: give an empty one", dir)
	}
	if m.lock, err = os.Create(filepath.Join(dir, marker)); err != nil {
		return err
	}
	if err := lockFile(m.lock); err != nil {
		m.lock.Close()
		return fmt.Errorf("another mockfm uses the state directory %s: give another one", dir)
	}
	for _, e := range old {
		if e.Name() == marker {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("cannot remove what an earlier run left: %w", err)
		}
	}
	for _, sub := range []string{"uploads", "downlink", "windows", "bucket"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// writeEnv leaves a file for sh to source: where the API and the bucket are.
func (m *Mock) writeEnv() error {
	env := fmt.Sprintf("export SPIRE_API=%s AWS_ENDPOINT_URL=%s AWS_ACCESS_KEY_ID=mockfm AWS_SECRET_ACCESS_KEY=mockfm AWS_REGION=us-east-1\n", m.url, m.s3u)
	return os.WriteFile(filepath.Join(m.cfg.State, "env"), []byte(env), 0o644)
}
