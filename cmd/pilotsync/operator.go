package main

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"pilotsync/tasks"
)

// operatorFlag says who asks, for the domains' history.
type operatorFlag struct {
	By string `name:"by" placeholder:"NAME" help:"Who asks, for the domains' history. Default: the name of this system's user."`
}

// operator is the name that the history is given. Its error is about --by.
func (f operatorFlag) operator() (string, error) {
	if f.By != "" {
		if err := tasks.CheckBy(f.By); err != nil {
			return "", fmt.Errorf("--%w", err)
		}
		return f.By, nil
	}
	return systemUser(user.Current()), nil
}

// systemUser is a user's name, or number where it has none, as in containers.
func systemUser(u *user.User, err error) string {
	name := "user " + strconv.Itoa(os.Getuid())
	if err == nil && u.Username != "" {
		name = u.Username
	}
	runes := []rune(plain(strings.ToValidUTF8(name, "?")))
	return string(runes[:min(len(runes), tasks.MaxBy)])
}
