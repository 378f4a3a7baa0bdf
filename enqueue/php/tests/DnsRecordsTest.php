<?php

declare(strict_types=1);

namespace Pilotsync\WordPress {
    /** The plugin's filter changes nothing here. */
    function apply_filters(string $filter, array $records): array
    {
        return $records;
    }
}

namespace Pilotsync\Tests {

    use PHPUnit\Framework\TestCase;
    use Pilotsync\Cause;
    use Pilotsync\DnsRecords;
    use Pilotsync\WordPress\Records;
    use Pilotsync\WordPress\DomainStatus;

    final class DnsRecordsTest extends TestCase
    {
        /** @return list<array<string, mixed>> the cases of tasks/dnsrecord_test.go */
        private static function cases(): array
        {
            return json_decode((string) file_get_contents(__DIR__ . '/../../../tasks/testdata/dnsrecords.json'), true);
        }

        public function testRecordsAreThoseOfGo(): void
        {
            foreach (self::cases() as $case) {
                $problems = [];
                foreach ($case['problems'] as $problem) {
                    $problems[] = ['name' => $problem['params']['name'] ?? $case['names'][0]] + $problem;
                }
                self::assertSame($case['records'], DnsRecords::toChange($case['names'], $problems), $case['case']);
            }
        }

        public function testThePluginsRecordsAreThoseOfGo(): void
        {
            require_once __DIR__ . '/../wordpress/src/DomainStatus.php';
            require_once __DIR__ . '/../wordpress/src/Records.php';
            $compared = 0;
            foreach (self::cases() as $case) {
                // The plugin knows the domain, and other names by their causes.
                $names = array_unique(array_merge([$case['names'][0]], array_column(array_column($case['problems'], 'params'), 'name')));
                if (array_values($names) === $case['names']) {
                    $status = new DomainStatus('failed', '', null, array_map([Cause::class, 'read'], $case['problems']));
                    self::assertSame($case['records'], Records::of($case['names'][0], $status), $case['case']);
                    $compared++;
                }
            }
            self::assertGreaterThan(15, $compared);
        }

        public function testTakesProblemsOfAnyShape(): void
        {
            foreach ([[], ['expected' => 'x', 'found' => 7, 'target' => []], ['expected' => [7, ['x'], null]]] as $params) {
                $problems = [['name' => 'example.com', 'cause' => 'DNSAliasDangling', 'params' => $params], ['name' => [], 'cause' => 'DNSMissing', 'params' => $params],
                    ['name' => 'example.com', 'cause' => 'CAAForbids', 'params' => ['record' => ['x']]]];
                self::assertSame([], DnsRecords::toChange(['example.com'], $problems));
            }
            self::assertSame([], DnsRecords::toChange([], [['name' => 'example.com', 'cause' => 'DNSMissing', 'params' => []]]));
        }
    }
}
