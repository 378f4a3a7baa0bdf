<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

/** What was given is wrong: nothing was enqueued, and no retry can mend it. */
class InvalidInput extends \InvalidArgumentException implements PilotsyncException
{
    /** @var array<int|string, InvalidInput> */
    private $errors = [];

    /**
     * Joins what is wrong with a batch: one line for each wrong change.
     *
     * @param array<int|string, InvalidInput> $errors by the change's key in the batch
     */
    public static function batch(array $errors, int $size): self
    {
        $lines = ['nothing was enqueued: ' . count($errors) . ' of ' . $size . ' changes are wrong:'];
        foreach ($errors as $key => $error) {
            $lines[] = 'change ' . $key . ': ' . $error->getMessage();
        }
        $all = new self(implode("\n", $lines), 0, reset($errors) ?: null);
        $all->errors = $errors;
        return $all;
    }

    /**
     * What is wrong with each change of a batch, by its key; empty for a single change.
     *
     * @return array<int|string, InvalidInput>
     */
    public function errors(): array
    {
        return $this->errors;
    }
}
