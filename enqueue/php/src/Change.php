<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\InvalidInput;

/** A request to add or remove one domain: tasks.Change of the Go program. */
final class Change
{
    private const OPTIONS = ['www', 'site_id', 'adopt', 'attempts', 'verify'];
    /** The highest limit of verification attempts. */
    public const MAX_ATTEMPTS = 20;
    /** Scripts::CHANGES writes the order number and the time in place of these, which are as long. */
    public const NUMBER = '1000000000000000';
    public const TIME = '2001-09-09T01:46:40.000001Z';
    private const WWW = ['always', 'main_only', 'never'];

    /** @var string */
    public $appId;
    /** @var string in canonical form */
    public $domain;
    /** @var bool */
    public $remove;
    /** @var string overrides the worker's setting for this domain; empty leaves it to the setting */
    private $www = '';
    /** @var int WordPress's id of the site, for the webhook; 0 for none */
    private $siteId = 0;
    /** @var bool imports names that are already on the list */
    private $adopt = false;
    /** @var bool restarts the verification of a domain that is already listed */
    private $verify = false;
    /** @var int limit of the domain's verification attempts; 0 leaves it to the worker's setting */
    private $attempts = 0;

    /**
     * @param array<string, mixed> $options www: always, main_only or never; site_id: a whole number from 0. For
     *                                      additions only: adopt: true or false; attempts: limit of the domain's
     *                                      verification attempts, 1 to 20; verify: true restarts the verification of
     *                                      a domain that is already listed. Null is the same as a missing option.
     * @param string|null $parsed the domain in canonical form, if it was parsed before
     * @throws InvalidInput
     */
    public function __construct(string $appId, string $domain, bool $remove, array $options, ?string $parsed = null)
    {
        $this->appId = $appId;
        $parsed = $parsed ?? Hostname::parse($domain);
        $this->domain = $parsed === $domain ? $domain : $parsed; // PHP then keeps one string
        $this->remove = $remove;
        $unknown = array_diff(array_map('strval', array_keys($options)), self::OPTIONS);
        if ($unknown !== []) {
            throw new InvalidInput('option ' . implode(', ', $unknown) . ' is unknown; there are ' . implode(', ', self::OPTIONS));
        }
        if (isset($options['www']) && $options['www'] !== '') {
            if (!in_array($options['www'], self::WWW, true)) {
                throw new InvalidInput('www is ' . self::quoted($options['www']) . '; it takes always, main_only or never');
            }
            $this->www = $options['www'];
        }
        $site = $options['site_id'] ?? 0;
        if (is_string($site) && preg_match('/^[0-9]{1,18}\z/', $site) === 1) {
            $site = (int) $site; // WordPress's database returns ids as strings
        }
        if (!is_int($site) || $site < 0) {
            throw new InvalidInput('site_id is ' . self::quoted($site) . '; it takes a whole number from 0');
        }
        $this->siteId = $site;
        $adopt = $options['adopt'] ?? false;
        if (!is_bool($adopt) || ($adopt && $remove)) {
            throw new InvalidInput('adopt is ' . self::quoted($adopt) . '; it takes true, of an addition only, or false');
        }
        $this->adopt = $adopt;
        $attempts = $options['attempts'] ?? null;
        if ($attempts !== null && (!is_int($attempts) || $attempts < 1 || $attempts > self::MAX_ATTEMPTS)) {
            throw new InvalidInput('attempts is ' . self::quoted($attempts) . '; it takes a whole number from 1 to ' . self::MAX_ATTEMPTS);
        }
        if ($attempts !== null && $remove) {
            throw new InvalidInput('attempts is ' . self::quoted($attempts) . ' in a removal; only an addition takes it');
        }
        $this->attempts = $attempts ?? 0;
        $verify = $options['verify'] ?? false;
        if (!is_bool($verify) || ($verify && $remove)) {
            throw new InvalidInput('verify is ' . self::quoted($verify) . '; it takes true, of an addition only, or false');
        }
        $this->verify = $verify;
    }

    /** @throws InvalidInput if it can't be the id of a ServerPilot app; ids become part of Redis keys and URLs */
    public static function checkAppId(string $appId): void
    {
        if (preg_match('/^[A-Za-z0-9_-]{1,64}\z/', $appId) !== 1) {
            throw new InvalidInput('app_id is ' . self::quoted($appId) . '; it takes 1 to 64 letters, digits, _ or -');
        }
    }

    /** The task's id, with NUMBER. */
    public function id(): string
    {
        return Receipt::id($this->appId, $this->domain, (int) self::NUMBER);
    }

    public function type(): string
    {
        return $this->remove ? 'domain:remove' : 'domain:add';
    }

    /** The payload, with the same bytes as the Go client's, and with NUMBER and TIME. */
    public function payload(): string
    {
        $fields = ['app_id' => $this->appId, 'domain' => $this->domain, 'seq' => (int) self::NUMBER];
        if ($this->www !== '') {
            $fields['www'] = $this->www;
        }
        if ($this->siteId !== 0) {
            $fields['site_id'] = $this->siteId;
        }
        $fields['requested_at'] = self::TIME;
        if ($this->adopt) {
            $fields['adopt'] = true;
        }
        if ($this->attempts !== 0) {
            $fields['attempts'] = $this->attempts;
        }
        if ($this->verify) {
            $fields['verify'] = true;
        }
        $fields['v'] = 1;
        return (string) json_encode($fields, JSON_UNESCAPED_SLASHES);
    }

    /** @param mixed $value */
    private static function quoted($value): string
    {
        $json = json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR);
        return substr((string) $json, 0, 100);
    }
}
