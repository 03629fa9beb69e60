package server

import "time"

// Restored says what came of a restore.
type Restored struct {
	// Backup is when the backup was made.
	Backup time.Time `json:"backup"`
	// Before is the folder that has what was there before; empty if nothing was.
	Before string `json:"before"`
	// NewTokens says that the tokens are others than before: those of the backup.
	NewTokens bool `json:"new_tokens,omitempty"`
}
