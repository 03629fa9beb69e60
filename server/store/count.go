package store

import (
	"context"
	"fmt"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// CountRuns answers how many runs ended with each result; those that have not ended are under the empty one.
func (db *DB) CountRuns(ctx context.Context) (map[plan.Result]int64, error) {
	rows, err := db.reader.QueryContext(ctx, `SELECT result, COUNT(*) FROM runs GROUP BY result`)
	if err != nil {
		return nil, fmt.Errorf("counting runs: %w", err)
	}
	defer rows.Close()
	counts := map[plan.Result]int64{}
	for rows.Next() {
		var result plan.Result
		var n int64
		if err := rows.Scan(&result, &n); err != nil {
			return nil, fmt.Errorf("counting runs: %w", err)
		}
		counts[result] = n
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("counting runs: %w", err)
	}
	return counts, nil
}
