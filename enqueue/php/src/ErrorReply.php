<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\NotEnqueued;
use Pilotsync\Exception\RedisRefused;
use Pilotsync\Exception\RedisUnavailable;

/** Redis's error reply to one command. */
final class ErrorReply
{
    /** @var string */
    public $message;

    public function __construct(string $message)
    {
        // Before a login Redis refuses commands of more than ten words in this way.
        $unauthenticated = strpos($message, 'unauthenticated multibulk length') !== false;
        $this->message = $unauthenticated ? 'NOAUTH Redis needs a user and a password, or others than these' : $message;
    }

    /** Redis lacks the script of an EVALSHA: it was never loaded, or Redis was restarted. */
    public function isUnknownScript(): bool
    {
        return strncmp($this->message, 'NOSCRIPT', 8) === 0;
    }

    /** Redis lacks the function of an FCALL, knows no functions, or denies them to its user. */
    public function lacksFunction(): bool
    {
        return preg_match('/^ERR (?:Function not found|unknown command)/', $this->message) === 1 || $this->isDenied();
    }

    /** Redis denies its user the command. */
    public function isDenied(): bool
    {
        return strncmp($this->message, 'NOPERM', 6) === 0;
    }

    /** This error with its remedy, if the user may not run a script instead of a function. */
    public function becauseOfNoWorker(): self
    {
        return new self($this->message . '; it has no functions of this release of pilotsync, and its user may not run scripts:'
            . ' start a worker of this release or a later one, which loads them');
    }

    /** Redis refuses a script because of keys in different slots: a Cluster, also one behind a single address. */
    public function crossesSlots(): bool
    {
        return stripos($this->message, 'slot') !== false;
    }

    /**
     * A Redis that loads its data, elects a master, isn't the master, or has no free connection
     * may serve later.
     */
    public function exception(string $tried): NotEnqueued
    {
        $later = '/^(?:LOADING|MASTERDOWN|READONLY|CLUSTERDOWN|TRYAGAIN|ERR max number of clients)/';
        $message = $tried . ': Redis answered: ' . $this->message;
        return preg_match($later, $this->message) === 1 ? new RedisUnavailable($message) : new RedisRefused($message);
    }
}
