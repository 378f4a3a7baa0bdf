<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

/** The input is invalid: nothing was enqueued, and no retry can succeed. */
class InvalidInput extends \InvalidArgumentException implements PilotsyncException
{
    /** @var array<int|string, InvalidInput> */
    private $errors = [];

    /**
     * Joins the errors of a batch: one line for each invalid change.
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
     * The error of each invalid change of a batch, by its key; empty for a single change.
     *
     * @return array<int|string, InvalidInput>
     */
    public function errors(): array
    {
        return $this->errors;
    }
}
