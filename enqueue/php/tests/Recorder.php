<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use Pilotsync\Connection;

/** A connection that records what another one sends: one entry for each round trip. */
final class Recorder implements Connection
{
    /** @var list<list<list<string>>> */
    public $trips = [];
    /** @var Connection */
    private $inner;

    public function __construct(Connection $inner)
    {
        $this->inner = $inner;
    }

    public function pipeline(array $commands): array
    {
        $this->trips[] = $commands;
        return $this->inner->pipeline($commands);
    }
}
