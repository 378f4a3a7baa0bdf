package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"pilotsync/internal/serverpilot"
)

// Account is a ServerPilot account with its served apps.
type Account = serverpilot.Account

// given reports whether any setting names an account. The credentials directory doesn't
// count: every systemd unit with credentials has one.
func (s AccountSettings) given() bool {
	s.Credentials = ""
	return s != (AccountSettings{})
}

// Parse returns the accounts of PILOTSYNC_CONFIG if it is set, or else the one of
// the three variables.
func (s AccountSettings) Parse(p *Parser) []Account { return s.parse(p).accounts }

// parse is Parse with what only the file can have besides accounts.
func (s AccountSettings) parse(p *Parser) accountsFile {
	if s.Config != "" {
		file := parseSetting(p, "PILOTSYNC_CONFIG", s.Config, func(string) (accountsFile, error) { return s.readFile(p.read) })
		p.keyFiles = append(p.keyFiles, file.keyFiles...)
		return file
	}
	account := Account{}
	if id, ok := p.Text("WU_SERVER_PILOT_CLIENT_ID", s.ClientID, s.ClientIDFile); ok {
		if err := checkClientID(id); err != nil {
			p.rejectSecret("WU_SERVER_PILOT_CLIENT_ID", err.Error())
		}
		account.ClientID = id
	}
	if key, ok := p.Text("WU_SERVER_PILOT_API_KEY", s.APIKey, s.APIKeyFile); ok {
		if err := checkAPIKey(key); err != nil {
			p.rejectSecret("WU_SERVER_PILOT_API_KEY", err.Error())
		}
		account.APIKey = key
	}
	if apps, ok := p.Text("WU_SERVER_PILOT_APP_ID", s.AppID, s.AppIDFile); ok {
		account.Apps = parseSetting(p, "WU_SERVER_PILOT_APP_ID", apps, parseAppIDs)
	}
	accounts := []Account{account}
	if err := checkUnique(accounts); err != nil {
		p.rejectSecret("WU_SERVER_PILOT_APP_ID", "is wrong: "+err.Error())
	}
	return accountsFile{accounts: accounts}
}

// AccountsFile returns the accounts of PILOTSYNC_CONFIG alone.
func (s AccountSettings) AccountsFile(read ReadFile) ([]Account, error) {
	file, err := s.readFile(read)
	return file.accounts, err
}

// readFile reads PILOTSYNC_CONFIG.
func (s AccountSettings) readFile(read ReadFile) (accountsFile, error) {
	return read.accounts(s.Config, keyFolders{beside: filepath.Dir(s.Config), credentials: s.Credentials})
}

// checkUnique refuses duplicates. If an app is listed twice, two accounts would write its
// list; and an account has only one key.
func checkUnique(accounts []Account) error {
	owner, first := map[string]string{}, map[string]int{}
	for i, a := range accounts {
		if other, again := first[a.ClientID]; again && accounts[other].APIKey != a.APIKey {
			return fmt.Errorf("client_id %s is given twice (accounts %d and %d) with different keys; it takes the one active key of an account", a.ClientID, other+1, i+1)
		} else if !again {
			first[a.ClientID] = i
		}
		for _, app := range a.Apps {
			if other, twice := owner[app]; twice {
				return fmt.Errorf("app %s is given twice (accounts %s and %s); it takes each app once", app, other, a.ClientID)
			}
			owner[app] = a.ClientID
		}
	}
	return nil
}

// checkClientID shows no value: with a colon in it, it may be ID:KEY.
func checkClientID(id string) error {
	switch {
	case id == "":
		return errors.New("is not set; it takes the client id of a ServerPilot account")
	case strings.Contains(id, ":"):
		return errors.New("holds a colon; it takes the client id alone, without the key")
	}
	return nil
}

func checkAPIKey(key string) error {
	if key == "" {
		return errors.New("is not set; it takes the API key of the account")
	}
	if name, _, ok := strings.Cut(key, "="); ok && strings.HasPrefix(name, "WU_SERVER_PILOT_") {
		return fmt.Errorf("begins with %s=; it takes the key alone", name)
	}
	return nil
}
