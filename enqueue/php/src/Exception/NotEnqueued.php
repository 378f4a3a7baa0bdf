<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

use Pilotsync\Receipt;

/**
 * A change, or some of a batch, could not be enqueued. To try again with all of them is safe: a change that is taken
 * twice is harmless, since the later order number wins.
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
     * What became of each change, by its key; those without a task id may or may not have been enqueued. Empty where
     * it failed before the first.
     *
     * @return array<int|string, Receipt>
     */
    public function receipts(): array
    {
        return $this->receipts;
    }
}
