package campaign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"payload-ipc/pkg/desk/mockfm"
)

var keyName = regexp.MustCompile(`/\d{8}T\d{6}Z_(.+)$`)

// post schedules one window, as a user does.
func post(ctx context.Context, m *mockfm.Mock, payloadName string, start time.Time, d time.Duration, argv []string) error {
	body, err := json.Marshal(map[string]any{
		"type": "PAYLOAD_" + payloadName, "satellite_id": "FM1", "start": start.Unix(), "duration": int(d.Seconds()),
		"parameters": map[string]any{
			"user_command":    map[string]any{"executable": argv[0], "executable_arguments": argv[1:]},
			"downlink_budget": 1,
		},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", m.URL()+"/tasking/window", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer campaign")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("the Mock took no %s window: got %s, want 200: %s", payloadName, resp.Status, why)
	}
	return nil
}

// landed reads what came down and was not there before, by its name in the
// outbox.
func landed(state string, seen map[string]bool) (map[string][]byte, error) {
	files := map[string][]byte{}
	root := filepath.Join(state, "bucket")
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || seen[file] {
			return err
		}
		seen[file] = true
		match := keyName.FindStringSubmatch(file)
		if match == nil {
			return nil
		}
		body, err := os.ReadFile(file)
		files[match[1]] = body
		return err
	})
	return files, err
}
