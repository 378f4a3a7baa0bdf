package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"pilotsync/internal/config"
	"pilotsync/internal/safefile"
	"pilotsync/internal/text"
	"pilotsync/tasks"
)

// Flags that several commands have.

// appFlag is the app of a command that is about one app.
type appFlag struct {
	App     string `name:"app" predictor:"app" env:"WU_SERVER_PILOT_APP_ID" placeholder:"ID" help:"The app's id. Default: that of WU_SERVER_PILOT_APP_ID, if it names a single app."`
	AppFile string `name:"app-file" env:"WU_SERVER_PILOT_APP_ID_FILE" placeholder:"FILE" help:"File to read the app's id from."`
}

// app is the app's id. Its error is one of usage.
func (f appFlag) app() (string, error) { return oneApp(f.App, f.AppFile) }

// oneApp is the id of the one app that WU_SERVER_PILOT_APP_ID or its file names.
func oneApp(value, file string) (string, error) {
	p := config.NewParser(safefile.Read)
	id, _ := p.Text("WU_SERVER_PILOT_APP_ID", value, file)
	if err := p.Err(); err != nil {
		return "", err
	}
	if err := checkOneApp(id); err != nil {
		return "", usageError{err}
	}
	return id, nil
}

// checkOneApp refuses what isn't the id of one app.
func checkOneApp(id string) error {
	switch {
	case id == "":
		return errors.New("no app is given; name it with --app (or in WU_SERVER_PILOT_APP_ID)")
	case strings.Contains(id, ","):
		return fmt.Errorf("%q is several apps; say with --app which one is meant", id)
	}
	return tasks.CheckAppID(id)
}

// accountFlags are the flags of a command that calls ServerPilot for one app.
type accountFlags struct {
	config.AccountSettings
	config.APISettings

	App string `name:"app" predictor:"app" placeholder:"ID" help:"The app's id. Default: that of WU_SERVER_PILOT_APP_ID, if it names a single app."`
}

// app is the app's id. If the account settings name no app, it becomes theirs.
func (f *accountFlags) app() (string, error) {
	if f.App != "" {
		if err := checkOneApp(f.App); err != nil {
			return "", usageError{err}
		}
	}
	id := f.App
	if id == "" {
		var err error
		if id, err = oneApp(f.AppID, f.AppIDFile); err != nil {
			return "", err
		}
	}
	if f.AppID == "" && f.AppIDFile == "" && f.Config == "" {
		f.AppID = id
	}
	return id, nil
}

// appsFlag are the apps of a command that is about one or more.
type appsFlag struct {
	App []string `required:"" predictor:"app" placeholder:"ID" help:"The app's id; give it again for more."`
}

// Validate is called by kong after parsing.
func (f *appsFlag) Validate() error { return checkApps("--app: ", f.App) }

// checkApps refuses what can't be the id of an app.
func checkApps(prefix string, apps []string) error {
	var errs []error
	for _, app := range apps {
		if err := tasks.CheckAppID(app); err != nil {
			errs = append(errs, fmt.Errorf("%s%w", prefix, err))
		}
	}
	return errors.Join(errs...)
}

// operatorFlag names the operator, for the domains' history.
type operatorFlag struct {
	By string `name:"by" placeholder:"NAME" help:"Operator's name, for the domains' history. Default: the name of this system's user."`
}

// operator is the name for the history. Its error is one of usage, about --by.
func (f operatorFlag) operator() (string, error) {
	if f.By != "" {
		if err := tasks.CheckBy(f.By); err != nil {
			return "", usageError{fmt.Errorf("--%w", err)}
		}
		return f.By, nil
	}
	return systemUser(user.Current()), nil
}

// systemUser is a user's name, or number if it has no name, as in containers.
func systemUser(u *user.User, err error) string {
	name := "user " + strconv.Itoa(os.Getuid())
	if err == nil && u.Username != "" {
		name = u.Username
	}
	runes := []rune(text.Printable(strings.ToValidUTF8(name, "?")))
	return string(runes[:min(len(runes), tasks.MaxBy)])
}
