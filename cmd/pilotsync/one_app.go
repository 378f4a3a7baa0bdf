package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"pilotsync/tasks"
)

// oneApp is the app that a command is about.
type oneApp struct {
	App     string `name:"app" predictor:"app" env:"WU_SERVER_PILOT_APP_ID" placeholder:"ID" help:"The app. Default: the one of the variable, if it is one."`
	AppFile string `name:"app-file" env:"WU_SERVER_PILOT_APP_ID_FILE" placeholder:"FILE" help:"File to read it from."`
}

// app is the app's id.
func (f oneApp) app() (string, error) {
	w := wrong{}
	id, ok := readFile(os.ReadFile).either(&w, "WU_SERVER_PILOT_APP_ID", f.App, f.AppFile)
	if !ok {
		return "", w.err()
	}
	return id, checkOne(id)
}

// checkOne refuses what isn't the id of one app.
func checkOne(id string) error {
	switch {
	case id == "":
		return errors.New("no app is given; name it with --app (or in WU_SERVER_PILOT_APP_ID)")
	case strings.Contains(id, ","):
		return fmt.Errorf("%q is several apps; say with --app which one is meant", id)
	}
	return tasks.CheckAppID(id)
}

// servedApp is the app that a command is about which has to ask ServerPilot.
type servedApp struct {
	accountSettings
	apiSettings

	App string `name:"app" predictor:"app" placeholder:"ID" help:"The app. Default: the one of WU_SERVER_PILOT_APP_ID, if it is one."`
}

// app is the app's id. The account settings then serve it if they name no app.
func (f *servedApp) app() (string, error) {
	id := f.App
	if id == "" {
		w, ok := wrong{}, false
		if id, ok = readFile(os.ReadFile).either(&w, "WU_SERVER_PILOT_APP_ID", f.AppID, f.AppIDFile); !ok {
			return "", w.err()
		}
	}
	if err := checkOne(id); err != nil {
		return "", err
	}
	if f.AppID == "" && f.AppIDFile == "" && f.Config == "" {
		f.AppID = id
	}
	return id, nil
}
