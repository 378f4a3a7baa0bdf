package main

import (
	"strings"
	"testing"
)

func TestAnAppIsPausedOnceAndGoesOn(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "app2") // before its first change
	newLedgerFixture(t, mini.Addr()).record("app1", "new.example.com")
	for _, step := range []struct{ args, want string }{
		{"pause --app=app1 --by=ada", "app1 is paused by ada: its changes wait until 'pilotsync resume --app=app1'\n"},
		{"pause --app=app1 --app=app2 --by=bob", "app1 was already paused by ada\napp2 is paused by bob: its changes wait until 'pilotsync resume --app=app2'\n"},
		{"resume --app=app1 --app=app2", "app1 is resumed; 1 of its domains have a change that waited\napp2 is resumed; 0 of its domains have a change that waited\n"},
		{"resume --app=app1", "app1 was not paused\n"},
	} {
		if got := command(t, env, "", strings.Fields(step.args)...); got != (output{exitDone, step.want, ""}) {
			t.Errorf("%s: %+v", step.args, got)
		}
		if step.args == "pause --app=app1 --by=ada" {
			if got := command(t, env, "", "status"); !strings.Contains(got.out, "waits: the app was paused by ada") {
				t.Errorf("status: %+v", got)
			}
		}
	}
	if keys, err := mini.HKeys("pilotsync:{app1}:sync"); err != nil || strings.Contains(strings.Join(keys, " "), "paused") {
		t.Errorf("%v: the app's hash has %v", err, keys)
	}
}

func TestPauseAndResumeRefuseAnUnknownApp(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	newLedgerFixture(t, mini.Addr()).record("app1", "shop.example.com")
	liveWorker(t, mini.Addr(), "webshop")
	before := len(mini.Keys())
	for args, nearest := range map[string]string{"pause --app=app1 --app=webshpo": "webshop", "pause --app=ap1": "app1", "resume --app=ap1": "app1"} {
		got := command(t, env, "", strings.Fields(args)...)
		want := "and the ledger doesn't know it; the nearest known app is " + nearest + "\n"
		if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, want) {
			t.Errorf("%s: %+v; want %q", args, got, want)
		}
	}
	if keys := mini.Keys(); len(keys) != before || strings.Contains(mini.HGet("pilotsync:{app1}:sync", "paused"), "a") {
		t.Errorf("something was changed: %q", keys)
	}
}
