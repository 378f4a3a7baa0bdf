<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

use Pilotsync\Receipt;

/**
 * A change, or a part of a batch, could not be enqueued. A retry with all changes is safe: a
 * second task for a change is harmless, since the later order number wins.
 */
abstract class NotEnqueued extends \RuntimeException implements PilotsyncException
{
    /** @var array<int|string, Receipt> */
    private $receipts;

    /** @param array<int|string, Receipt> $receipts */
    final public function __construct(string $message, ?\Throwable $previous = null, array $receipts = [])
    {
        parent::__construct($message, 0, $previous);
        $this->receipts = $receipts;
    }

    /**
     * The receipt of each change, by its key. A change without a task id may or may not have been
     * enqueued. Empty if it failed before the first change.
     *
     * @return array<int|string, Receipt>
     */
    public function receipts(): array
    {
        return $this->receipts;
    }
}
