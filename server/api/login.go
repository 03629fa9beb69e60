package api

import (
	"net/http"
	"net/url"
	"time"
)

func (a *API) createLoginLink(w http.ResponseWriter, r *http.Request) error {
	if err := readJSON(w, r, &struct{}{}); err != nil {
		return err
	}
	code, until := a.NewCode()
	writeStatusJSON(w, http.StatusCreated, struct {
		URL       string    `json:"url"`
		ExpiresAt time.Time `json:"expires_at"`
	}{LoginURL(a.BaseURL, code), until})
	return nil
}

// LoginURL is the sign-in link of a code.
func LoginURL(baseURL, code string) string {
	return baseURL + "/login?code=" + url.QueryEscape(code)
}
