import { describeLocal } from '../../../test/support/local-subjects.ts';

describeLocal('none', 'plain');
