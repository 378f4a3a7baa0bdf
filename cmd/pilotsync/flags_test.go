package main

import (
	"errors"
	"os/user"
	"regexp"
	"strings"
	"testing"

	"pilotsync/tasks"
)

func TestTheOperatorIsTheSystemsUserUnlessOneIsNamed(t *testing.T) {
	t.Parallel()
	if got, err := (operatorFlag{By: "ada"}).operator(); got != "ada" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := (operatorFlag{}).operator(); got == "" || tasks.CheckBy(got) != nil || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got := systemUser(&user.User{Username: strings.Repeat("é", 100) + "\n"}, nil); got != strings.Repeat("é", tasks.MaxBy) {
		t.Errorf("a long name becomes %q", got)
	}
	if got := systemUser(&user.User{Username: "a\x01\xff"}, nil); tasks.CheckBy(got) != nil {
		t.Errorf("an odd name becomes %q", got)
	}
	if got := systemUser(nil, errors.New("user: unknown userid 1000")); !regexp.MustCompile(`^user \d+$`).MatchString(got) {
		t.Errorf("a user without a name is %q", got)
	}
}
