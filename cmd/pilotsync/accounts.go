package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"pilotsync/tasks"
	"pilotsync/worker"
)

// accounts are the ServerPilot accounts of the settings: those of the file, if
// there is one, or else the one of the three variables.
func (s accountSettings) accounts(w *wrong, read readFile) []worker.Account {
	if s.Config != "" {
		return take(w, "PILOTSYNC_CONFIG", s.Config, read.accounts)
	}
	account := worker.Account{}
	if id, ok := read.either(w, "WU_SERVER_PILOT_CLIENT_ID", s.ClientID, s.ClientIDFile); ok {
		if err := checkClientID(id); err != nil {
			w.say("WU_SERVER_PILOT_CLIENT_ID", err.Error())
		}
		account.ClientID = id
	}
	if key, ok := read.either(w, "WU_SERVER_PILOT_API_KEY", s.APIKey, s.APIKeyFile); ok {
		if err := checkAPIKey(key); err != nil {
			w.say("WU_SERVER_PILOT_API_KEY", err.Error())
		}
		account.APIKey = key
	}
	if apps, ok := read.either(w, "WU_SERVER_PILOT_APP_ID", s.AppID, s.AppIDFile); ok {
		account.Apps = take(w, "WU_SERVER_PILOT_APP_ID", apps, parseAppIDs)
	}
	accounts := []worker.Account{account}
	if err := checkEachOnce(accounts); err != nil {
		w.say("WU_SERVER_PILOT_APP_ID", "is wrong: "+err.Error())
	}
	return accounts
}

// accountsFile is the form of PILOTSYNC_CONFIG.
type accountsFile struct {
	Accounts []struct {
		ClientID   string   `yaml:"client_id"`
		APIKey     string   `yaml:"api_key"`
		APIKeyFile string   `yaml:"api_key_file"` // relative to the file it stands in
		Apps       []string `yaml:"apps"`
	} `yaml:"accounts"`
}

// accounts reads a PILOTSYNC_CONFIG; its error tells all that is wrong in one line.
func (read readFile) accounts(file string) ([]worker.Account, error) {
	content, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("it takes a file that can be read: %w", err)
	}
	var parsed accountsFile
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&parsed); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file isn't as it should be: %w", withoutValues(err))
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds more than one YAML document; it takes one")
	}
	if len(parsed.Accounts) == 0 {
		return nil, errors.New("the file has no accounts; it takes accounts: [{client_id, api_key or api_key_file, apps: [id, …]}]")
	}
	var wrong []string
	var accounts []worker.Account
	for i, a := range parsed.Accounts {
		say := func(field string, err error) {
			if err != nil {
				wrong = append(wrong, fmt.Sprintf("%s of account %d %v", field, i+1, err))
			}
		}
		key, path := a.APIKey, a.APIKeyFile
		if path != "" && !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), path)
		}
		say("client_id", checkClientID(a.ClientID))
		switch {
		case key != "" && path != "":
			say("api_key", errors.New("and its api_key_file are both set; it takes one of them"))
		case path != "":
			if key, err = read.text(path); err != nil {
				say("api_key_file", fmt.Errorf("is %q; %w", path, err))
				break
			}
			say("api_key_file", checkAPIKey(key))
		default:
			say("api_key", checkAPIKey(key))
		}
		if len(a.Apps) == 0 {
			say("apps", errors.New("is not set; it takes the ids of one or more apps"))
		}
		for _, app := range a.Apps {
			if err := tasks.CheckAppID(app); err != nil {
				say("apps", fmt.Errorf("is wrong: %w", err))
			}
		}
		accounts = append(accounts, worker.Account{ClientID: a.ClientID, APIKey: key, Apps: a.Apps})
	}
	if err := checkEachOnce(accounts); err != nil {
		wrong = append(wrong, err.Error())
	}
	if wrong != nil {
		return nil, errors.New(strings.Join(wrong, "; "))
	}
	return accounts, nil
}

// Values are quoted like this in the errors of the YAML package. One may be a
// key that stands in the wrong place.
var yamlValue = regexp.MustCompile("(?s) `.*?`")

// withoutValues makes one line of a YAML error, without the file's content.
func withoutValues(err error) error {
	text := yamlValue.ReplaceAllString(err.Error(), "")
	return errors.New(strings.Join(strings.Fields(text), " "))
}

// checkEachOnce refuses an app that is listed twice: two accounts would write
// its list with different keys.
func checkEachOnce(accounts []worker.Account) error {
	owner := map[string]string{}
	for _, a := range accounts {
		for _, app := range a.Apps {
			if other, twice := owner[app]; twice {
				return fmt.Errorf("app %s is given twice (accounts %s and %s); it takes each app once", app, other, a.ClientID)
			}
			owner[app] = a.ClientID
		}
	}
	return nil
}

func odd(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// checkClientID shows no value: with a colon in it, it may be ID:KEY.
func checkClientID(id string) error {
	switch {
	case id == "":
		return errors.New("is not set; it takes the client id of a ServerPilot account")
	case strings.Contains(id, ":"):
		return errors.New("holds a colon; it takes the client id alone, without the key")
	case strings.ContainsFunc(id, odd):
		return errors.New("holds white space or a control character; it takes the client id alone")
	}
	return nil
}

func checkAPIKey(key string) error {
	switch {
	case key == "":
		return errors.New("is not set; it takes the API key of the account")
	case strings.ContainsFunc(key, odd):
		return errors.New("holds white space or a control character; it takes the API key alone")
	}
	return nil
}
