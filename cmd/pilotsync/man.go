package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"pilotsync/internal/safefile"
)

// manCmd writes the manual pages of a package. It is hidden: users read the pages.
type manCmd struct {
	Folder string `arg:"" help:"Folder for the pages; it must exist."`
	Date   string `required:"" placeholder:"YYYY-MM-DD" help:"Day of the release, for the pages' last line."`
}

// Help is shown under the command's own --help.
func (*manCmd) Help() string {
	return `Writes pilotsync.1 and a page for each command, from the same definitions as --help.

Examples:

    pilotsync man --date=2026-11-28 /usr/share/man/man1`
}

// Run writes the pages.
func (c *manCmd) Run() error {
	parser, err := kong.New(&commands{}, kong.Name("pilotsync"), kong.Description(description), kong.Vars{"version": versionLine()})
	if err != nil {
		return err
	}
	for name, page := range manPages(parser.Model, c.Date) {
		if err := safefile.Write(filepath.Join(c.Folder, name), []byte(page), 0o644); err != nil {
			return fmt.Errorf("write the manual page: %w", err)
		}
	}
	return nil
}

// manPages returns the pages by file name, in the language of man(7): pilotsync.1, and a
// page for each command that isn't hidden. The same model gives the same bytes.
func manPages(app *kong.Application, date string) map[string]string {
	pages := map[string]string{"pilotsync.1": mainPage(app, date)}
	for _, command := range app.Children {
		if !command.Hidden {
			pages["pilotsync-"+command.Name+".1"] = commandPage(command, date)
		}
	}
	return pages
}

func mainPage(app *kong.Application, date string) string {
	p := manPage{date: date}
	p.begin("pilotsync", "domain lists of ServerPilot apps")
	p.section("SYNOPSIS")
	p.line(`\fBpilotsync\fR \fIcommand\fR [\fIflags\fR]`)
	p.section("DESCRIPTION")
	p.text(app.Help)
	p.section("COMMANDS")
	var seeAlso []string
	for _, command := range app.Children {
		if command.Hidden {
			continue
		}
		page := "pilotsync-" + command.Name
		p.item(bold(page)+"(1)", command.Help)
		seeAlso = append(seeAlso, bold(page)+"(1)")
	}
	if flags := shown(app.Flags); len(flags) > 0 {
		p.section("OPTIONS")
		p.flags(flags)
	}
	p.section("EXIT STATUS")
	p.item("0", "The command did what it was asked to.")
	p.item("1", "It failed, or found trouble. The message says why.")
	p.item("2", "It was called or set up wrongly. Nothing was done.")
	p.section("SEE ALSO")
	p.line(strings.Join(seeAlso, ",\n"))
	p.line(".PP")
	p.text("README.md in /usr/share/doc/pilotsync leads to all documents; docs/configuration.md has the settings.")
	return p.String()
}

func commandPage(command *kong.Node, date string) string {
	p := manPage{date: date}
	p.begin("pilotsync-"+command.Name, strings.TrimSuffix(command.Help, "."))
	p.section("SYNOPSIS")
	for _, leaf := range command.Leaves(true) {
		p.synopsis(leaf)
	}
	if command.Leaf() {
		p.synopsis(command)
	}
	p.section("DESCRIPTION")
	p.text(command.Help)
	p.text(command.Detail)
	p.options(command)
	for _, sub := range command.Leaves(true) {
		p.section(strings.ToUpper(strings.TrimPrefix(sub.FullPath(), "pilotsync ")))
		p.text(sub.Help)
		p.text(sub.Detail)
		p.options(sub)
	}
	p.section("SEE ALSO")
	p.line(bold("pilotsync") + "(1)")
	return p.String()
}

// manPage is a page under construction.
type manPage struct {
	strings.Builder
	date   string
	opened bool // a section has begun and has no text yet
}

func (p *manPage) line(text string) { p.WriteString(text + "\n") }

func (p *manPage) begin(name, about string) {
	p.line(fmt.Sprintf(`.TH %s 1 "%s" "pilotsync" "pilotsync"`, escape(strings.ToUpper(name)), p.date))
	p.section("NAME")
	p.line(escape(name) + ` \- ` + escape(about))
}

func (p *manPage) section(title string) {
	p.line(".SH " + escape(title))
	p.opened = true
}

// paragraph begins one; a section's first begins with the section.
func (p *manPage) paragraph() {
	if !p.opened {
		p.line(".PP")
	}
	p.opened = false
}

// item is a term with its explanation, indented.
func (p *manPage) item(term, text string) {
	p.line(".TP")
	p.line(term)
	p.line(escape(text))
}

// text is paragraphs as a command's help has them. A blank line ends one, and lines that begin
// with four spaces are shown as they are.
func (p *manPage) text(text string) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if paragraph = strings.Trim(paragraph, "\n"); paragraph == "" {
			continue
		}
		p.paragraph()
		if strings.HasPrefix(paragraph, "    ") {
			p.line(".RS 4\n.nf")
			for line := range strings.Lines(paragraph) {
				p.line(escape(strings.TrimPrefix(strings.TrimRight(line, "\n"), "    ")))
			}
			p.line(".fi\n.RE")
			continue
		}
		for line := range strings.Lines(paragraph) {
			p.line(escape(strings.TrimRight(line, "\n")))
		}
	}
}

func (p *manPage) synopsis(command *kong.Node) {
	p.paragraph()
	p.line(bold(command.FullPath()) + escape(strings.TrimPrefix(command.Summary(), strings.TrimPrefix(command.FullPath(), "pilotsync "))))
}

// options are a command's arguments and flags; flags with a group under its name.
func (p *manPage) options(command *kong.Node) {
	flags := shown(command.Flags)
	if len(command.Positional)+len(flags) == 0 {
		return
	}
	p.line(".SS Arguments and flags")
	for _, argument := range command.Positional {
		p.item(bold(argument.Summary()), argument.Help)
	}
	groups := []string{""}
	grouped := map[string][]*kong.Flag{}
	for _, flag := range flags {
		title := ""
		if flag.Group != nil {
			title = flag.Group.Title
		}
		if title != "" && grouped[title] == nil {
			groups = append(groups, title)
		}
		grouped[title] = append(grouped[title], flag)
	}
	for _, title := range groups {
		if title != "" {
			p.line(".SS " + escape(title))
		}
		p.flags(grouped[title])
	}
}

func (p *manPage) flags(flags []*kong.Flag) {
	for _, flag := range flags {
		term := bold(flag.String())
		if len(flag.Tag.Envs) > 0 {
			term += ", " + bold(flag.Tag.Envs[0])
		}
		p.item(term, flag.Help)
	}
}

func shown(flags []*kong.Flag) (visible []*kong.Flag) {
	for _, flag := range flags {
		if !flag.Hidden && flag.Name != "help" {
			visible = append(visible, flag)
		}
	}
	return visible
}

func bold(text string) string { return `\fB` + escape(text) + `\fR` }

// escape makes text that roff takes as text. A backslash is its escape character, and
// a line that begins with a dot or an apostrophe is a request.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
