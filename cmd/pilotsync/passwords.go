package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"

	"pilotsync/internal/config"
	"pilotsync/internal/credentials"
	"pilotsync/internal/keytext"
	"pilotsync/internal/safefile"
	"pilotsync/internal/terminal"
)

// passwordsCmd is for a set-up without a person, as docker-compose.yml does it.
type passwordsCmd struct {
	Make passwordsMakeCmd `cmd:"" help:"Make missing passwords, and write each service's files."`
	Show passwordsShowCmd `cmd:"" help:"Show the passwords that people need."`
}

// Help is shown under the command's own --help.
func (*passwordsCmd) Help() string {
	return `Examples:

    pilotsync passwords make --acl=/etc/redis/users.acl

    pilotsync passwords show`
}

// passwordsFolder is where the folders of the services are.
type passwordsFolder struct {
	Folder string `default:"/var/lib/pilotsync" placeholder:"FOLDER" help:"Folder with a folder for each service, and the folder kept with the passwords. Default: /var/lib/pilotsync."`
}

type passwordsMakeCmd struct {
	passwordsFolder

	ACL        string `name:"acl" required:"" placeholder:"FILE" help:"Redis's users without passwords, as deployments/redis/users.acl has them."`
	Redis      string `default:"redis:6379" placeholder:"HOST:PORT" help:"Redis, as the worker and the dashboard reach it. Default: redis:6379."`
	Published  string `default:"127.0.0.1:6379" placeholder:"HOST:PORT" help:"The same Redis, as WordPress reaches it. Default: 127.0.0.1:6379."`
	APIKey     string `name:"api-key" env:"WU_SERVER_PILOT_API_KEY" placeholder:"KEY" help:"ServerPilot's API key, for the worker. Other users of the machine can see a flag: prefer the variable or the file. Default: none."`
	APIKeyFile string `name:"api-key-file" placeholder:"FILE" help:"File to read the API key from."`
}

// Help is shown under the command's own --help.
func (*passwordsMakeCmd) Help() string {
	return `Writes redis/users.acl and redis/php-password, worker/redis-url and worker/api-key, page/redis-url and page/users, grafana/password. Passwords that exist are kept, in kept/passwords.json; everything else is written again, so the command can run before each start.

The files are for volumes: mount each folder into the container of its service only. redis/users.acl, redis/php-password and grafana/password can be read by all users, since these services run as users of their own. So on a host, keep the whole folder closed to other users (mode 700), and copy from it what a service needs.

Examples:

    pilotsync passwords make --acl=users.acl --api-key-file=/run/secrets/api-key`
}

// Validate is called by kong after parsing.
func (c *passwordsMakeCmd) Validate() error {
	for _, flag := range [][2]string{{"redis", c.Redis}, {"published", c.Published}} {
		if host, _, err := net.SplitHostPort(flag[1]); err != nil || host == "" || !config.IsHostPort(flag[1]) {
			return fmt.Errorf("--%s is %q; it takes host:port, such as 127.0.0.1:6379", flag[0], flag[1])
		}
	}
	return nil
}

// Run makes missing passwords, and prints their number only.
func (c *passwordsMakeCmd) Run(s *terminal.Streams) error {
	opt := credentials.Options{Redis: c.Redis, Published: c.Published}
	var err error
	if opt.ACL, err = safefile.Read(c.ACL); err != nil {
		return usageError{fmt.Errorf("--acl is %q; it takes a file that can be read: %w", c.ACL, err)}
	}
	if opt.APIKey, err = keytext.Clean(c.APIKey, keytext.Word); err != nil {
		return usageError{fmt.Errorf("the API key %w", err)}
	}
	if opt.APIKey == "" && c.APIKey != "" {
		// The worker would keep its previous key.
		return usageError{errors.New("the API key is blank; give the key itself, or leave out $WU_SERVER_PILOT_API_KEY and --api-key")}
	}
	if c.APIKeyFile != "" {
		if opt.APIKey, err = config.ReadFile(safefile.Read).Text(c.APIKeyFile, keytext.Word); err != nil {
			return usageError{fmt.Errorf("--api-key-file is %q; %w", c.APIKeyFile, err)}
		}
	}
	made, err := credentials.Make(c.Folder, opt)
	if err != nil {
		return fmt.Errorf("make the passwords in %s: %w", c.Folder, err)
	}
	_, err = fmt.Fprintf(s.Out, "%d passwords were made; all files are written in %s\n"+
		"The files are for volumes, one folder for each service: some of them all users can read. On a host, keep %[2]s closed to other users (mode 700).\n", made, c.Folder)
	return err
}

type passwordsShowCmd struct{ passwordsFolder }

// Help is shown under the command's own --help.
func (*passwordsShowCmd) Help() string {
	return `Shows the logins of the dashboard and of Grafana, the URL for WordPress (PILOTSYNC_REDIS_URL), and that of Redis's administrator.

Examples:

    pilotsync passwords show

    docker compose run --rm passwords passwords show`
}

// Run prints them.
func (c *passwordsShowCmd) Run(s *terminal.Streams) error {
	kept, err := credentials.Load(c.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no passwords were made in %s yet: %w", c.Folder, err)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(s.Out, kept.Show())
	return err
}
