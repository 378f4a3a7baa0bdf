<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

/** A value isn't a host name that can be mapped. */
final class InvalidDomain extends InvalidInput
{
    /** @var string the value as given */
    private $input;
    /** @var string */
    private $rule;
    /** @var string */
    private $ruleCode;
    /** @var string */
    private $suggestion;

    public function __construct(string $input, string $ruleCode, string $rule, string $suggestion = '')
    {
        $meant = $suggestion === '' ? '' : ' (did you mean ' . $suggestion . '?)';
        parent::__construct('domain ' . self::quoted($input) . ' is refused: ' . $rule . $meant);
        $this->input = $input;
        $this->rule = $rule;
        $this->ruleCode = $ruleCode;
        $this->suggestion = $suggestion;
    }

    public function withSuggestion(string $suggestion): self
    {
        return new self($this->input, $this->ruleCode, $this->rule, $suggestion);
    }

    public function input(): string
    {
        return $this->input;
    }

    /**
     * The broken rule in a word, for programs, as in the Go program: empty, space, scheme, path, user, ip,
     * port, underscore, wildcard, length, idna, empty-label, label-length, hyphen, labels, tld or suffix.
     */
    public function ruleCode(): string
    {
        return $this->ruleCode;
    }

    /** The broken rule and its remedy, for people. */
    public function rule(): string
    {
        return $this->rule;
    }

    /** The name that was probably meant; empty if that is unclear. */
    public function suggestion(): string
    {
        return $this->suggestion;
    }

    /** Escapes control characters and invalid UTF-8, and shortens long values. */
    private static function quoted(string $input): string
    {
        $shown = 80; // characters: enough to recognise a name, too few to flood a log
        if (preg_match('/^.{' . $shown . '}(?=.)/su', $input, $cut) === 1) {
            $input = $cut[0] . '…';
        } elseif (strlen($input) > 4 * $shown) {
            $input = substr($input, 0, $shown) . '…';
        }
        return (string) json_encode($input, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE);
    }
}
