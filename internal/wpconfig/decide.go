package wpconfig

import "fmt"

// LateError is about a constant that is defined only after WordPress was loaded.
type LateError struct {
	Name           string
	Line, Settings int // lines of the definition, and of the require of wp-settings.php
}

// Error names the constant and both lines.
func (e *LateError) Error() string {
	return fmt.Sprintf("%s (line %d) is defined too late: WordPress and its plugins are loaded by the require of wp-settings.php in line %d; it takes a place above that line",
		e.Name, e.Line, e.Settings)
}

// definition is one place where a constant is defined.
type definition struct {
	value   string
	refused string // why the value isn't certain; empty if it is
	literal bool   // it is a number, true or false, and refused if text is needed
	unread  bool   // the name occurs in a form that isn't understood
	line    int
	// conditional: only PHP knows whether it reaches this definition.
	conditional bool
	// settings is the line of the require of wp-settings.php that comes before; 0 for none.
	settings int
}

// decide returns the value that PHP would keep: that of the first definition it reaches.
func decide(name string, all []definition) (string, error) {
	if first := all[0]; first.settings > 0 {
		return "", &LateError{name, first.line, first.settings}
	}
	for i, d := range all {
		switch {
		case d.settings > 0:
			return all[0].value, nil // those above were in time
		case d.unread:
			return "", fmt.Errorf("%s (line %d) has a form that this check doesn't understand; see what WordPress has with 'wp config get %s', or write define( '%s', '…' )",
				name, d.line, name, name)
		case d.refused != "" && !(d.literal && takesLiteral(name)):
			return "", fmt.Errorf("%s (line %d) %s; it takes a plain string in quotes, such as define( '%s', '…' )", name, d.line, d.refused, name)
		case d.value != all[0].value:
			return "", fmt.Errorf("%s is defined in lines %d and %d with different values, and a condition decides which of them holds; it takes one value",
				name, all[0].line, all[i].line)
		}
		if !d.conditional {
			break // PHP keeps this one, whatever follows
		}
	}
	return all[0].value, nil
}
