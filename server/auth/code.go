package auth

import (
	"sync"
	"time"
)

// CodeLife is how long a sign-in link works.
const CodeLife = time.Hour

// maxCodes bounds the links that wait to be used; making one more forgets the oldest.
const maxCodes = 100

// codes are the one-use codes of sign-in links.
type codes struct {
	now func() time.Time

	mu    sync.Mutex // guards until
	until map[string]time.Time
}

// add makes a code.
func (c *codes) add() (Token, time.Time) {
	code, until := NewToken(), c.now().Add(CodeLife)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.until) >= maxCodes {
		c.forgetOldest()
	}
	c.until[code.hash()] = until
	return code, until
}

// forgetOldest makes room. c.mu must be held.
func (c *codes) forgetOldest() {
	var oldest string
	for hash, until := range c.until {
		if oldest == "" || until.Before(c.until[oldest]) {
			oldest = hash
		}
	}
	delete(c.until, oldest)
}

// redeem says whether the code was good. It is not, from now on.
func (c *codes) redeem(code Token) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.until[code.hash()]
	delete(c.until, code.hash())
	return ok && c.now().Before(until)
}

// move moves the ends of all codes along when the clock is set.
func (c *codes) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for hash, until := range c.until {
		c.until[hash] = until.Add(by)
	}
}
